// Convolution by its definition. The loop over output columns is innermost, so the compiler may vectorise it; the outer
// loop gives each thread outputs of its own.
#include <algorithm>

#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::Dense;
using reference::Doubles;

// The output columns whose input column ix = ox * stride + kx * dilation - left lies inside the map.
struct Columns {
  std::int64_t begin, end, first_input;
};

struct ConvGeometry {
  std::int64_t n, c, h, w, o, kh, kw, oh, ow, group_in, group_out;
  Conv2dParams p;

  ConvGeometry(const Shape& x, const Shape& weight, const Conv2dParams& params) : p(params) {
    const Shape y = conv2d_output_shape(x, weight, params);
    n = x[0], c = x[1], h = x[2], w = x[3], o = weight[0], kh = weight[2], kw = weight[3], oh = y[2], ow = y[3];
    group_in = weight[1];
    group_out = o / p.groups;
  }
  std::int64_t input_row(std::int64_t oy, std::int64_t ky) const {
    return oy * p.stride[0] + ky * p.dilation[0] - p.padding.top;
  }
  Columns columns(std::int64_t kx) const {
    const std::int64_t shift = kx * p.dilation[1] - p.padding.left, s = p.stride[1];
    const std::int64_t begin = shift >= 0 ? 0 : (-shift + s - 1) / s;
    const std::int64_t last = w - 1 - shift;  // largest ox * s that stays inside
    const std::int64_t end = last < 0 ? 0 : std::min(ow, last / s + 1);
    return {begin, std::max(begin, end), begin * s + shift};
  }
  std::int64_t x_at(std::int64_t in, std::int64_t ic, std::int64_t iy) const { return ((in * c + ic) * h + iy) * w; }
  std::int64_t y_at(std::int64_t in, std::int64_t io, std::int64_t oy) const { return ((in * o + io) * oh + oy) * ow; }
  std::int64_t w_at(std::int64_t io, std::int64_t ic, std::int64_t ky, std::int64_t kx) const {
    return ((io * group_in + ic) * kh + ky) * kw + kx;
  }
};

Doubles input_gradient(const ConvGeometry& g, const Dense& w, const Dense& dy) {
  Doubles dx = reference::zeros(g.n * g.c * g.h * g.w);
  const std::int64_t stride = g.p.stride[1];
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t n = 0; n < g.n; ++n)
    for (std::int64_t c = 0; c < g.c; ++c) {
      const std::int64_t group = c / g.group_in;
      for (std::int64_t o = group * g.group_out; o < (group + 1) * g.group_out; ++o)
        for (std::int64_t ky = 0; ky < g.kh; ++ky)
          for (std::int64_t kx = 0; kx < g.kw; ++kx) {
            const double weight = w[g.w_at(o, c % g.group_in, ky, kx)];
            const Columns cols = g.columns(kx);
            for (std::int64_t oy = 0; oy < g.oh; ++oy) {
              const std::int64_t iy = g.input_row(oy, ky);
              if (iy < 0 || iy >= g.h) continue;
              double* to = dx.data() + g.x_at(n, c, iy) + cols.first_input;
              const double* from = dy.data() + g.y_at(n, o, oy) + cols.begin;
              for (std::int64_t i = 0; i < cols.end - cols.begin; ++i) to[i * stride] += weight * from[i];
            }
          }
    }
  return dx;
}

Doubles weight_gradient(const ConvGeometry& g, const Dense& x, const Dense& dy) {
  Doubles dw = reference::zeros(g.o * g.group_in * g.kh * g.kw);
  const std::int64_t stride = g.p.stride[1];
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t o = 0; o < g.o; ++o)
    for (std::int64_t ic = 0; ic < g.group_in; ++ic) {
      const std::int64_t c = o / g.group_out * g.group_in + ic;
      for (std::int64_t ky = 0; ky < g.kh; ++ky)
        for (std::int64_t kx = 0; kx < g.kw; ++kx) {
          const Columns cols = g.columns(kx);
          double sum = 0.0;
          for (std::int64_t n = 0; n < g.n; ++n)
            for (std::int64_t oy = 0; oy < g.oh; ++oy) {
              const std::int64_t iy = g.input_row(oy, ky);
              if (iy < 0 || iy >= g.h) continue;
              const double* in = x.data() + g.x_at(n, c, iy) + cols.first_input;
              const double* out = dy.data() + g.y_at(n, o, oy) + cols.begin;
#pragma omp simd reduction(+ : sum)
              for (std::int64_t i = 0; i < cols.end - cols.begin; ++i) sum += in[i * stride] * out[i];
            }
          dw[static_cast<std::size_t>(g.w_at(o, ic, ky, kx))] = sum;
        }
    }
  return dw;
}

}  // namespace

Tensor ReferenceBackend::do_conv2d(const Tensor& x_, const Tensor& w_, const Tensor& bias_, const Conv2dParams& p) {
  const ConvGeometry g(x_.shape(), w_.shape(), p);
  check_shape("conv2d", "bias", bias_, {g.o}, true);
  const Dense x(x_), w(w_);
  const Doubles bias = bias_.defined() ? to_vector<double>(bias_) : reference::zeros(g.o);
  Doubles y(static_cast<std::size_t>(g.n * g.o * g.oh * g.ow));
  const std::int64_t stride = p.stride[1];
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t n = 0; n < g.n; ++n)
    for (std::int64_t o = 0; o < g.o; ++o) {
      double* plane = y.data() + g.y_at(n, o, 0);
      std::fill(plane, plane + g.oh * g.ow, bias[static_cast<std::size_t>(o)]);
      for (std::int64_t ic = 0; ic < g.group_in; ++ic) {
        const std::int64_t c = o / g.group_out * g.group_in + ic;
        for (std::int64_t ky = 0; ky < g.kh; ++ky)
          for (std::int64_t kx = 0; kx < g.kw; ++kx) {
            const double weight = w[g.w_at(o, ic, ky, kx)];
            const Columns cols = g.columns(kx);
            for (std::int64_t oy = 0; oy < g.oh; ++oy) {
              const std::int64_t iy = g.input_row(oy, ky);
              if (iy < 0 || iy >= g.h) continue;
              const double* in = x.data() + g.x_at(n, c, iy) + cols.first_input;
              double* out = plane + oy * g.ow + cols.begin;
              for (std::int64_t i = 0; i < cols.end - cols.begin; ++i) out[i] += weight * in[i * stride];
            }
          }
      }
    }
  return reference::store(y, {g.n, g.o, g.oh, g.ow}, x_.dtype());
}

Conv2dGrads ReferenceBackend::do_conv2d_backward(const Tensor& x, const Tensor& w, const Tensor& dy_,
                                                 const Conv2dParams& p, const Conv2dNeeds& needs) {
  const ConvGeometry g(x.shape(), w.shape(), p);
  check_shape("conv2d_backward", "dy", dy_, {g.n, g.o, g.oh, g.ow});
  const Dense dy(dy_);
  Conv2dGrads grads;
  if (needs.dx) grads.dx = reference::store(input_gradient(g, Dense(w), dy), x.shape(), x.dtype());
  const DType wide = parameter_dtype(x.dtype());
  if (needs.dw) grads.dw = reference::store(weight_gradient(g, Dense(x), dy), w.shape(), wide);
  if (needs.db) grads.db = do_sum(do_cast(dy_, wide), {0, 2, 3}, false);
  return grads;
}

}  // namespace engine

// Convolution by its definition: an output is the product of a filter with the window of the input that it sees. All
// windows are written down first, one position of the window after the other, so that every loop runs over all pixels of
// several images.
#include <algorithm>

#include "engine/tensor/multiversion.h"
#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::Dense;
using reference::Doubles;

struct ConvGeometry {
  std::int64_t n, c, h, w, o, kh, kw, oh, ow, group_in, group_out;
  std::int64_t taps;    // of a filter: group_in * kh * kw
  std::int64_t pixels;  // of an output channel: n * oh * ow
  Conv2dParams p;

  ConvGeometry(const Shape& x, const Shape& weight, const Conv2dParams& params) : p(params) {
    const Shape y = conv2d_output_shape(x, weight, params);
    n = x[0], c = x[1], h = x[2], w = x[3], o = weight[0], kh = weight[2], kw = weight[3], oh = y[2], ow = y[3];
    group_in = weight[1];
    group_out = o / p.groups;
    taps = group_in * kh * kw;
    pixels = n * oh * ow;
  }
};

// Calls f(geometry of some images, number of the first) until all had their turn: windows of 32 MiB at a time.
template <class F>
void for_each_slice(const ConvGeometry& g, F&& f) {
  const std::int64_t of_one = std::max<std::int64_t>(1, g.taps * g.oh * g.ow);  // there may be no channels
  const std::int64_t most = std::max<std::int64_t>(1, (std::int64_t{1} << 22) / of_one);
  for (std::int64_t first = 0; first < g.n; first += most) {
    ConvGeometry slice = g;
    slice.n = std::min(most, g.n - first);
    slice.pixels = slice.n * g.oh * g.ow;
    f(slice, first);
  }
}

// Calls f(pixel, element of x) for every output pixel whose window has its position (channel, ky, kx) inside the map.
template <class F>
void for_each_input(const ConvGeometry& g, std::int64_t channel, std::int64_t ky, std::int64_t kx, F&& f) {
  std::int64_t pixel = 0;
  for (std::int64_t n = 0; n < g.n; ++n)
    for (std::int64_t oy = 0; oy < g.oh; ++oy) {
      const std::int64_t iy = oy * g.p.stride[0] + ky * g.p.dilation[0] - g.p.padding.top;
      const std::int64_t row = ((n * g.c + channel) * g.h + iy) * g.w;
      for (std::int64_t ox = 0; ox < g.ow; ++ox, ++pixel) {
        const std::int64_t ix = ox * g.p.stride[1] + kx * g.p.dilation[1] - g.p.padding.left;
        if (iy >= 0 && iy < g.h && ix >= 0 && ix < g.w) f(pixel, row + ix);
      }
    }
}

// Calls f(tap, channel, ky, kx) for every tap of the group's filters; threads share the channels.
template <class F>
void for_each_tap(const ConvGeometry& g, std::int64_t group, F&& f) {
#pragma omp parallel for schedule(static)
  for (std::int64_t c = 0; c < g.group_in; ++c)
    for (std::int64_t ky = 0; ky < g.kh; ++ky)
      for (std::int64_t kx = 0; kx < g.kw; ++kx) f((c * g.kh + ky) * g.kw + kx, group * g.group_in + c, ky, kx);
}

// [taps, pixels] of a group: what each position of the windows sees, zero outside the map.
Doubles windows_of(const ConvGeometry& g, const double* x, std::int64_t group) {
  Doubles windows = reference::zeros(g.taps * g.pixels);
  for_each_tap(g, group, [&](std::int64_t tap, std::int64_t channel, std::int64_t ky, std::int64_t kx) {
    double* to = windows.data() + tap * g.pixels;
    for_each_input(g, channel, ky, kx, [&](std::int64_t pixel, std::int64_t at) { to[pixel] = x[at]; });
  });
  return windows;
}

// The adjoint of windows_of: adds to dx what the windows' gradients say of it.
void add_windows(const ConvGeometry& g, const Doubles& windows, std::int64_t group, double* dx) {
  for_each_tap(g, group, [&](std::int64_t tap, std::int64_t channel, std::int64_t ky, std::int64_t kx) {
    const double* from = windows.data() + tap * g.pixels;
    for_each_input(g, channel, ky, kx, [&](std::int64_t pixel, std::int64_t at) { dx[at] += from[pixel]; });
  });
}

// From [n, channels, plane] to [channels, n, plane], or with `from` and `to` swapped back.
Doubles swapped(const double* x, std::int64_t outer, std::int64_t inner, std::int64_t plane) {
  Doubles y(static_cast<std::size_t>(outer * inner * plane));
  for (std::int64_t i = 0; i < outer; ++i)
    for (std::int64_t j = 0; j < inner; ++j)
      std::copy_n(x + (i * inner + j) * plane, plane, y.data() + (j * outer + i) * plane);
  return y;
}

constexpr std::int64_t block = 64;  // pixels whose sums fit into registers

// to[i] = sum over r < rows of factor[r * factor_step] * row[r * row_step + i], for i < n <= block.
ENGINE_MULTIVERSION
void combine(const double* factor, std::int64_t factor_step, const double* row, std::int64_t row_step,
             std::int64_t rows, std::int64_t n, double* to) {
  double sum[block] = {};
  if (n == block) {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t i = 0; i < block; ++i) sum[i] += factor[r * factor_step] * row[r * row_step + i];
  } else {
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t i = 0; i < n; ++i) sum[i] += factor[r * factor_step] * row[r * row_step + i];
  }
  std::copy_n(sum, n, to);
}

ENGINE_MULTIVERSION
double dot(const double* a, const double* b, std::int64_t n) {
  double sum = 0.0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// y [m, pixels] = factors [m, rows] x [rows, pixels]; factor (i, r) is factors[i * step_i + r * step_r].
void multiply(const double* factors, std::int64_t step_i, std::int64_t step_r, const double* x, std::int64_t m,
              std::int64_t rows, std::int64_t pixels, double* y) {
  const std::int64_t blocks = (pixels + block - 1) / block;
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t b = 0; b < blocks; ++b)
    for (std::int64_t i = 0; i < m; ++i)
      combine(factors + i * step_i, step_r, x + b * block, pixels, rows, std::min(block, pixels - b * block),
              y + i * pixels + b * block);
}

}  // namespace

Tensor ReferenceBackend::do_conv2d(const Tensor& x_, const Tensor& w_, const Tensor& bias_, const Conv2dParams& p) {
  const ConvGeometry g(x_.shape(), w_.shape(), p);
  check_shape("conv2d", "bias", bias_, {g.o}, true);
  const Dense x(x_), w(w_);
  const Doubles bias = bias_.defined() ? to_vector<double>(bias_) : reference::zeros(g.o);
  const std::int64_t plane = g.oh * g.ow;
  Doubles y(static_cast<std::size_t>(g.o * g.pixels));
  for_each_slice(g, [&](const ConvGeometry& some, std::int64_t first) {
    Doubles rows(static_cast<std::size_t>(g.o * some.pixels));
    for (std::int64_t group = 0; group < p.groups; ++group)
      multiply(w.data() + group * g.group_out * g.taps, g.taps, 1,
               windows_of(some, x.data() + first * g.c * g.h * g.w, group).data(), g.group_out, g.taps, some.pixels,
               rows.data() + group * g.group_out * some.pixels);
    for (std::int64_t o = 0; o < g.o; ++o)
      for (std::int64_t i = 0; i < some.pixels; ++i)
        rows[static_cast<std::size_t>(o * some.pixels + i)] += bias[static_cast<std::size_t>(o)];
    const Doubles images = swapped(rows.data(), g.o, some.n, plane);
    std::copy(images.begin(), images.end(), y.begin() + first * g.o * plane);
  });
  return reference::store(y, {g.n, g.o, g.oh, g.ow}, x_.dtype());
}

Conv2dGrads ReferenceBackend::do_conv2d_backward(const Tensor& x_, const Tensor& w_, const Tensor& dy_,
                                                 const Conv2dParams& p, const Conv2dNeeds& needs) {
  const ConvGeometry g(x_.shape(), w_.shape(), p);
  check_shape("conv2d_backward", "dy", dy_, {g.n, g.o, g.oh, g.ow});
  const Dense x(x_), w(w_), dy_images(dy_);
  Doubles dx = reference::zeros(needs.dx ? x_.numel() : 0), dw = reference::zeros(needs.dw ? w_.numel() : 0);
  for_each_slice(g, [&](const ConvGeometry& some, std::int64_t first) {
    const std::int64_t x_first = first * g.c * g.h * g.w;
    const Doubles dy = swapped(dy_images.data() + first * g.o * g.oh * g.ow, some.n, g.o, g.oh * g.ow);
    for (std::int64_t group = 0; group < p.groups; ++group) {
      const double* const dy_group = dy.data() + group * g.group_out * some.pixels;
      const std::int64_t first_weight = group * g.group_out * g.taps;
      if (needs.dx) {
        Doubles windows(static_cast<std::size_t>(g.taps * some.pixels));
        multiply(w.data() + first_weight, 1, g.taps, dy_group, g.taps, g.group_out, some.pixels, windows.data());
        add_windows(some, windows, group, dx.data() + x_first);
      }
      if (needs.dw) {
        const Doubles windows = windows_of(some, x.data() + x_first, group);
#pragma omp parallel for collapse(2) schedule(static)
        for (std::int64_t o = 0; o < g.group_out; ++o)
          for (std::int64_t tap = 0; tap < g.taps; ++tap)
            dw[static_cast<std::size_t>(first_weight + o * g.taps + tap)] +=
                dot(dy_group + o * some.pixels, windows.data() + tap * some.pixels, some.pixels);
      }
    }
  });
  const DType wide = parameter_dtype(x_.dtype());
  Conv2dGrads grads;
  if (needs.dx) grads.dx = reference::store(dx, x_.shape(), x_.dtype());
  if (needs.dw) grads.dw = reference::store(dw, w_.shape(), wide);
  if (needs.db) grads.db = do_sum(do_cast(dy_, wide), {0, 2, 3}, false);
  return grads;
}

}  // namespace engine

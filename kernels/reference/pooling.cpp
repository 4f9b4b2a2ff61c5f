#include <algorithm>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::Dense;
using reference::Doubles;

// The part of the input under one output, as rows [top, bottom) and columns [left, right), and what to divide by.
struct Window {
  std::int64_t top, bottom, left, right;
  double divisor;
};

// Calls f(flat output position, flat position of the input plane, window) for every output.
template <class WindowOf, class F>
void for_each_window(const Shape& x, const Shape& y, WindowOf window_of, F f) {
  for (std::int64_t plane = 0; plane < y[0] * y[1]; ++plane)
    for (std::int64_t oy = 0; oy < y[2]; ++oy)
      for (std::int64_t ox = 0; ox < y[3]; ++ox)
        f(static_cast<std::size_t>((plane * y[2] + oy) * y[3] + ox), plane * x[2] * x[3], window_of(oy, ox));
}

Tensor average(const Tensor& x_, const Shape& shape, const std::function<Window(std::int64_t, std::int64_t)>& window_of) {
  const Dense x(x_);
  Doubles y = reference::zeros(shape.numel());
  const std::int64_t width = x_.dim(3);
  for_each_window(x_.shape(), shape, window_of, [&](std::size_t out, std::int64_t plane, const Window& v) {
    for (std::int64_t iy = v.top; iy < v.bottom; ++iy)
      for (std::int64_t ix = v.left; ix < v.right; ++ix) y[out] += x[plane + iy * width + ix];
    y[out] /= v.divisor;
  });
  return reference::store(y, shape, x_.dtype());
}

Tensor spread(const Tensor& dy_, const Shape& input, const std::function<Window(std::int64_t, std::int64_t)>& window_of) {
  const Dense dy(dy_);
  Doubles dx = reference::zeros(input.numel());
  for_each_window(input, dy_.shape(), window_of, [&](std::size_t out, std::int64_t plane, const Window& v) {
    for (std::int64_t iy = v.top; iy < v.bottom; ++iy)
      for (std::int64_t ix = v.left; ix < v.right; ++ix)
        dx[static_cast<std::size_t>(plane + iy * input[3] + ix)] += dy.data()[out] / v.divisor;
  });
  return reference::store(dx, input, dy_.dtype());
}

auto pooling_window(const Shape& x, const Pool2dParams& p) {
  return [x, p](std::int64_t oy, std::int64_t ox) {
    const std::int64_t top = oy * p.stride[0] - p.padding.top, left = ox * p.stride[1] - p.padding.left;
    // Padding counts where asked, what ceil_mode adds beyond it never.
    const std::int64_t padded_bottom = std::min(top + p.kernel[0], x[2] + p.padding.bottom);
    const std::int64_t padded_right = std::min(left + p.kernel[1], x[3] + p.padding.right);
    Window v{std::max<std::int64_t>(top, 0), std::min(padded_bottom, x[2]), std::max<std::int64_t>(left, 0),
             std::min(padded_right, x[3]), 0.0};
    v.divisor = static_cast<double>(p.count_include_pad ? (padded_bottom - top) * (padded_right - left)
                                                        : (v.bottom - v.top) * (v.right - v.left));
    return v;
  };
}

auto adaptive_window(const Shape& x, std::int64_t height, std::int64_t width) {
  const auto begin = [](std::int64_t i, std::int64_t in, std::int64_t out) { return i * in / out; };
  const auto end = [](std::int64_t i, std::int64_t in, std::int64_t out) { return ((i + 1) * in + out - 1) / out; };
  return [=](std::int64_t oy, std::int64_t ox) {
    Window v{begin(oy, x[2], height), end(oy, x[2], height), begin(ox, x[3], width), end(ox, x[3], width), 0.0};
    v.divisor = static_cast<double>((v.bottom - v.top) * (v.right - v.left));
    return v;
  };
}

}  // namespace

MaxPoolResult ReferenceBackend::do_max_pool2d(const Tensor& x_, const Pool2dParams& p) {
  check_max_pool(p);
  const Shape shape = pool2d_output_shape(x_.shape(), p);
  const Dense x(x_);
  Doubles y = reference::zeros(shape.numel());
  Tensor argmax(shape, DType::u8, Device::reference);
  const std::int64_t height = x_.dim(2), width = x_.dim(3);
  for (std::int64_t plane = 0; plane < shape[0] * shape[1]; ++plane)
    for (std::int64_t oy = 0; oy < shape[2]; ++oy)
      for (std::int64_t ox = 0; ox < shape[3]; ++ox) {
        double best = -INFINITY;
        std::int64_t best_at = -1;
        for (std::int64_t ky = 0; ky < p.kernel[0]; ++ky)
          for (std::int64_t kx = 0; kx < p.kernel[1]; ++kx) {
            const std::int64_t iy = oy * p.stride[0] - p.padding.top + ky, ix = ox * p.stride[1] - p.padding.left + kx;
            if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
            const double v = x[(plane * height + iy) * width + ix];
            // The first of equals wins; a NaN wins over everything before it, as in PyTorch.
            if (best_at < 0 || v > best || std::isnan(v)) {
              best = v;
              best_at = ky * p.kernel[1] + kx;
            }
          }
        const std::int64_t out = (plane * shape[2] + oy) * shape[3] + ox;
        y[static_cast<std::size_t>(out)] = best;
        argmax.data<std::uint8_t>()[out] = static_cast<std::uint8_t>(best_at);
      }
  return {reference::store(y, shape, x_.dtype()), argmax};
}

Tensor ReferenceBackend::do_max_pool2d_backward(const Tensor& dy_, const Tensor& argmax, const Shape& input,
                                                const Pool2dParams& p) {
  const Shape shape = pool2d_output_shape(input, p);
  check_shape("max_pool2d_backward", "dy", dy_, shape);
  check_shape("max_pool2d_backward", "argmax", argmax, shape);
  const Dense dy(dy_);
  Doubles dx = reference::zeros(input.numel());
  for (std::int64_t plane = 0; plane < shape[0] * shape[1]; ++plane)
    for (std::int64_t oy = 0; oy < shape[2]; ++oy)
      for (std::int64_t ox = 0; ox < shape[3]; ++ox) {
        const std::int64_t out = (plane * shape[2] + oy) * shape[3] + ox;
        const std::int64_t at = argmax.data<std::uint8_t>()[out];
        const std::int64_t iy = oy * p.stride[0] - p.padding.top + at / p.kernel[1];
        const std::int64_t ix = ox * p.stride[1] - p.padding.left + at % p.kernel[1];
        dx[static_cast<std::size_t>((plane * input[2] + iy) * input[3] + ix)] += dy[out];
      }
  return reference::store(dx, input, dy_.dtype());
}

Tensor ReferenceBackend::do_avg_pool2d(const Tensor& x, const Pool2dParams& p) {
  return average(x, pool2d_output_shape(x.shape(), p), pooling_window(x.shape(), p));
}

Tensor ReferenceBackend::do_avg_pool2d_backward(const Tensor& dy, const Shape& input, const Pool2dParams& p) {
  check_shape("avg_pool2d_backward", "dy", dy, pool2d_output_shape(input, p));
  return spread(dy, input, pooling_window(input, p));
}

Tensor ReferenceBackend::do_adaptive_avg_pool2d(const Tensor& x, std::int64_t height, std::int64_t width) {
  check_map("adaptive_avg_pool2d", x.shape());
  if (height < 1 || width < 1) throw UsageError("adaptive_avg_pool2d: cannot make a {}x{} map", height, width);
  return average(x, {x.dim(0), x.dim(1), height, width}, adaptive_window(x.shape(), height, width));
}

Tensor ReferenceBackend::do_adaptive_avg_pool2d_backward(const Tensor& dy, const Shape& input) {
  check_map_backward("adaptive_avg_pool2d_backward", dy, input);
  return spread(dy, input, adaptive_window(input, dy.dim(2), dy.dim(3)));
}

}  // namespace engine

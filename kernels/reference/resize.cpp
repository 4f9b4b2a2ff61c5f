#include <algorithm>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

// Output i lies between input positions `low` and `high`, `weight` of the way towards `high`.
struct Between {
  std::int64_t low, high;
  double weight;
};

Between between(std::int64_t i, std::int64_t in, std::int64_t out) {
  const double centre = (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
  const double position = std::max(centre, 0.0);
  const auto low = std::min(static_cast<std::int64_t>(position), in - 1);
  return {low, std::min(low + 1, in - 1), std::min(position - static_cast<double>(low), 1.0)};
}

// Calls f(output position, input position, weight) for the four inputs of every output.
template <class F>
void for_each_term(const Shape& x, const Shape& y, F f) {
  for (std::int64_t plane = 0; plane < y[0] * y[1]; ++plane)
    for (std::int64_t oy = 0; oy < y[2]; ++oy)
      for (std::int64_t ox = 0; ox < y[3]; ++ox) {
        const Between v = between(oy, x[2], y[2]), h = between(ox, x[3], y[3]);
        const auto at = [&](std::int64_t iy, std::int64_t ix) {
          return static_cast<std::size_t>((plane * x[2] + iy) * x[3] + ix);
        };
        const auto out = static_cast<std::size_t>((plane * y[2] + oy) * y[3] + ox);
        f(out, at(v.low, h.low), (1.0 - v.weight) * (1.0 - h.weight));
        f(out, at(v.low, h.high), (1.0 - v.weight) * h.weight);
        f(out, at(v.high, h.low), v.weight * (1.0 - h.weight));
        f(out, at(v.high, h.high), v.weight * h.weight);
      }
}

}  // namespace

Tensor ReferenceBackend::do_resize_bilinear(const Tensor& x_, std::int64_t height, std::int64_t width) {
  check_map("resize_bilinear", x_.shape());
  if (height < 1 || width < 1) throw UsageError("resize_bilinear: cannot make a {}x{} map", height, width);
  const Shape shape{x_.dim(0), x_.dim(1), height, width};
  const reference::Dense x(x_);
  reference::Doubles y = reference::zeros(shape.numel());
  for_each_term(x_.shape(), shape, [&](std::size_t out, std::size_t in, double weight) {
    y[out] += weight * x.data()[in];
  });
  return reference::store(y, shape, x_.dtype());
}

Tensor ReferenceBackend::do_resize_bilinear_backward(const Tensor& dy_, const Shape& input) {
  check_map_backward("resize_bilinear_backward", dy_, input);
  const reference::Dense dy(dy_);
  reference::Doubles dx = reference::zeros(input.numel());
  for_each_term(input, dy_.shape(), [&](std::size_t out, std::size_t in, double weight) {
    dx[in] += weight * dy.data()[out];
  });
  return reference::store(dx, input, dy_.dtype());
}

}  // namespace engine

#include "kernels/cuda/conv_geometry.h"

#include <algorithm>

namespace engine::ENGINE_CUDA_NS {

ConvGeometry conv_geometry(std::string_view op, const Shape& x, const Shape& w, const Shape& y, const Conv2dParams& p) {
  const std::int64_t height = x[2] + p.padding.top + p.padding.bottom, width = x[3] + p.padding.left + p.padding.right;
  const std::int64_t taps = w[2] * w[3];
  constexpr std::int64_t most = (std::int64_t{1} << 30) - 1, most_items = (std::int64_t{1} << 31) - 256;
  if (std::max({height, width, p.groups, x[1], w[0], p.stride[0], p.stride[1], p.dilation[0], p.dilation[1]}) > most ||
      std::max({x[0] * x[2] * x[3], y[0] * y[2] * y[3], taps * w[1], taps * w[0] / p.groups}) > most_items)
    throw UsageError("{}: x {} and w {} are too large to be numbered in 31 bits", op, x.str(), w.str());
  const auto number = [](std::int64_t n) { return static_cast<int>(n); };
  const auto by = [](std::int64_t n) {
    return ConvGeometry::Quick(static_cast<std::uint32_t>(std::max<std::int64_t>(n, 1)));
  };
  ConvGeometry g{};
  g.images = number(x[0]), g.height = number(x[2]), g.width = number(x[3]);
  g.out_height = number(y[2]), g.out_width = number(y[3]);
  g.groups = number(p.groups), g.channels = number(x[1]), g.out_channels = number(w[0]);
  g.group_in = number(w[1]), g.group_out = number(w[0] / p.groups);
  g.kernel_height = number(w[2]), g.kernel_width = number(w[3]), g.taps = number(taps);
  g.stride_y = number(p.stride[0]), g.stride_x = number(p.stride[1]);
  g.dilation_y = number(p.dilation[0]), g.dilation_x = number(p.dilation[1]);
  g.top = number(p.padding.top), g.left = number(p.padding.left);
  g.by_height = by(x[2]), g.by_width = by(x[3]), g.by_out_height = by(y[2]), g.by_out_width = by(y[3]);
  g.by_group_in = by(g.group_in), g.by_group_out = by(g.group_out), g.by_kernel_width = by(w[3]);
  g.by_stride_y = by(p.stride[0]), g.by_stride_x = by(p.stride[1]);
  return g;
}

}  // namespace engine::ENGINE_CUDA_NS

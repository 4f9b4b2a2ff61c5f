// The numbers of a convolution as kernels use them.
#pragma once

#include <string_view>

#include "kernels/cuda/divisor.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

struct ConvGeometry {
  using Quick = Divisor<std::uint32_t>;
  int images, height, width, out_height, out_width;
  int groups, channels, out_channels;
  int group_in, group_out;  ///< channels of one group
  int kernel_height, kernel_width, taps;
  int stride_y, stride_x, dilation_y, dilation_x, top, left;
  Quick by_height, by_width, by_out_height, by_out_width, by_group_in, by_group_out, by_kernel_width, by_stride_y,
      by_stride_x;

  std::int64_t pixels() const { return std::int64_t{images} * height * width; }
  std::int64_t out_pixels() const { return std::int64_t{images} * out_height * out_width; }
  /// Of the convolution and of each of its gradients; what meets padding included.
  double flops() const { return 2.0 * static_cast<double>(out_pixels()) * out_channels * taps * group_in; }
  /// Each channel is a group: nothing is shared that a matrix product could share.
  bool depthwise() const { return channels > 1 && group_in == 1 && group_out == 1; }
};

/// Coordinates of what lies outside every image, whatever a kernel adds to them.
constexpr int outside = -(1 << 30);

/// `y` is the convolution's output shape. Throws UsageError where kernels could not count with int.
ConvGeometry conv_geometry(std::string_view op, const Shape& x, const Shape& w, const Shape& y, const Conv2dParams& p);

}  // namespace engine::ENGINE_CUDA_NS

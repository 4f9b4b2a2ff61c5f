#include "kernels/types.h"

namespace engine {
namespace {

std::int64_t windows(std::int64_t in, std::int64_t before, std::int64_t after, std::int64_t kernel,
                     std::int64_t stride, bool ceil_mode) {
  const std::int64_t room = in + before + after - kernel;
  if (room < 0) return 0;
  std::int64_t n = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  if (ceil_mode && (n - 1) * stride >= in + before) --n;
  return n;
}

bool is_negative(const Padding2d& p) { return p.top < 0 || p.bottom < 0 || p.left < 0 || p.right < 0; }

}  // namespace

Shape conv2d_output_shape(const Shape& x, const Shape& w, const Conv2dParams& p) {
  if (x.rank() != 4 || w.rank() != 4)
    throw UsageError("conv2d: expected x [N,C,H,W] and w [O,C/groups,KH,KW], found {} and {}", x.str(), w.str());
  if (p.groups < 1 || w[0] % p.groups != 0 || x[1] != w[1] * p.groups)
    throw UsageError("conv2d: {} channels of x {} do not fit w {} with {} group(s)", x[1], x.str(), w.str(), p.groups);
  if (p.stride[0] < 1 || p.stride[1] < 1 || p.dilation[0] < 1 || p.dilation[1] < 1)
    throw UsageError("conv2d: stride and dilation must be at least 1");
  if (is_negative(p.padding)) throw UsageError("conv2d: padding must not be negative");
  const std::int64_t oh = windows(x[2], p.padding.top, p.padding.bottom, p.dilation[0] * (w[2] - 1) + 1, p.stride[0], false);
  const std::int64_t ow = windows(x[3], p.padding.left, p.padding.right, p.dilation[1] * (w[3] - 1) + 1, p.stride[1], false);
  if (oh < 1 || ow < 1)
    throw UsageError("conv2d: kernel {}x{} does not fit into a {}x{} map", w[2], w[3], x[2], x[3]);
  return {x[0], w[0], oh, ow};
}

Shape pool2d_output_shape(const Shape& x, const Pool2dParams& p) {
  if (x.rank() != 4) throw UsageError("pooling: expected [N,C,H,W], found {}", x.str());
  if (p.kernel[0] < 1 || p.kernel[1] < 1 || p.stride[0] < 1 || p.stride[1] < 1)
    throw UsageError("pooling: kernel and stride must be at least 1");
  if (is_negative(p.padding) || p.padding.top >= p.kernel[0] || p.padding.left >= p.kernel[1])
    throw UsageError("pooling: padding must not be negative and must be smaller than the window");
  const std::int64_t oh = windows(x[2], p.padding.top, p.padding.bottom, p.kernel[0], p.stride[0], p.ceil_mode);
  const std::int64_t ow = windows(x[3], p.padding.left, p.padding.right, p.kernel[1], p.stride[1], p.ceil_mode);
  if (oh < 1 || ow < 1)
    throw UsageError("pooling: a {}x{} window does not fit into a {}x{} map", p.kernel[0], p.kernel[1], x[2], x[3]);
  return {x[0], x[1], oh, ow};
}

}  // namespace engine

#include "kernels/cuda/convolution.h"

#include "kernels/checks.h"
#include "kernels/cuda/conv_operands.cuh"
#include "kernels/cuda/cudnn_convolution.h"
#include "kernels/cuda/depthwise.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/ladder/steps.h"

namespace engine::ENGINE_CUDA_NS {

// y[pixel, o] = sum over taps and channels of x's patch times w[o, tap, channel], group by group. w is channels-last.
template <class T>
static void forward(Context& c, const ConvGeometry& g, const Tensor& x, const Tensor& w, const Tensor& bias,
                    const Tensor& y) {
  const int depth = g.taps * g.group_in;
  const GemmOutput<T> out{pointer<T>(y), bias.defined() ? pointer<const T>(bias) : nullptr, g.out_channels,
                          g.group_out, y.numel()};
  constexpr int widest = static_cast<int>(16 / sizeof(T));
  with_vector<T>(g.group_in % widest == 0 && aligned(pointer<T>(x), pointer<T>(w)), [&](auto v) {
    const Patches<T, v()> patches{pointer<const T>(x), g, static_cast<int>(g.out_pixels()), depth};
    const MatrixOperand<T, v(), true> weights{pointer<const T>(w), depth, std::int64_t{depth} * g.group_out,
                                              g.group_out, depth};
    gemm(c, "conv2d", patches, weights, out, g.out_pixels(), g.group_out, depth, g.groups,
         {static_cast<double>(x.bytes() + w.bytes() + y.bytes()), g.flops()});
  });
}

Tensor conv2d(Context& c, const Tensor& x_any, const Tensor& w_any, const Tensor& bias, const Conv2dParams& p) {
  const Shape shape = conv2d_output_shape(x_any.shape(), w_any.shape(), p);
  check_shape("conv2d", "bias", bias, {w_any.dim(0)}, true);
  if (x_any.dtype() != w_any.dtype() || (bias.defined() && bias.dtype() != x_any.dtype()))
    throw UsageError("conv2d: x {}, w {} and bias must have one type", x_any.str(), w_any.str());
  const ConvGeometry g = conv_geometry("conv2d", x_any.shape(), w_any.shape(), shape, p);
  const Tensor x = to_channels_last(c, x_any);
  Tensor y = empty_channels_last(c, shape, x.dtype());
  if (c.kernels.conv2d > 0 && conv2d_step(c, g, x, to_plain(c, w_any), bias, y)) return y;
  const Tensor w = to_channels_last(c, w_any);
  if (g.depthwise())
    depthwise_forward(c, g, x, w, bias, y);
  else if (c.kernels.conv2d == 0 && cudnn_forward(c, x, w, y, p))
    return bias.defined() ? add(c, y, bias.reshaped({bias.numel(), 1, 1})) : y;
  else
    with_floating("conv2d", x, [&](auto sample) { forward<decltype(sample)>(c, g, x, w, bias, y); });
  return y;
}

}  // namespace engine::ENGINE_CUDA_NS

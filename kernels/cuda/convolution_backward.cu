#include "kernels/checks.h"
#include "kernels/cuda/column_sums.cuh"
#include "kernels/cuda/conv_operands.cuh"
#include "kernels/cuda/convolution.h"
#include "kernels/cuda/cudnn_convolution.h"
#include "kernels/cuda/depthwise.h"

namespace engine::ENGINE_CUDA_NS {

static Cost cost_of(const ConvGeometry& g, const Tensor& a, const Tensor& b, const Tensor& c) {
  return {static_cast<double>(a.bytes() + b.bytes() + c.bytes()), g.flops()};
}

// dx[pixel, c] = sum over taps and output channels of dy where the tap came from, times w[o, tap, c]. w is channels-last.
template <class T>
static void input_gradient(Context& c, const ConvGeometry& g, const Tensor& w, const Tensor& dy, const Tensor& dx) {
  if (dx.numel() == 0) return;
  const int depth = g.taps * g.group_out;
  const GemmOutput<T> out{pointer<T>(dx), nullptr, g.channels, g.group_in, dx.numel()};
  constexpr int widest = static_cast<int>(16 / sizeof(T));
  const bool fits =
      g.group_in % widest == 0 && g.group_out % widest == 0 && aligned(pointer<T>(dy), pointer<T>(w));
  with_vector<T>(fits, [&](auto v) {
    const Sources<T, v()> sources(pointer<const T>(dy), g);
    const TapWeights<T, v()> weights{pointer<const T>(w), g.taps, g.group_in, depth, g.by_group_out};
    gemm(c, "conv2d_backward", sources, weights, out, sources.pixels(), g.group_in, depth, g.groups,
         cost_of(g, w, dy, dx));
  });
}

// dw[o, tap, c] = sum over pixels of dy[pixel, o] times the patch of x at that pixel; f32, channels-last.
template <class T>
static void weight_gradient(Context& c, const ConvGeometry& g, const Tensor& x, const Tensor& dy, const Tensor& dw) {
  const int columns = g.taps * g.group_in, pixels = static_cast<int>(g.out_pixels());
  const GemmOutput<float> out{pointer<float>(dw), nullptr, columns, std::int64_t{columns} * g.group_out, dw.numel()};
  constexpr int widest = static_cast<int>(16 / sizeof(T));
  const bool fits = g.group_in % widest == 0 && g.group_out % widest == 0 && aligned(pointer<T>(x), pointer<T>(dy));
  with_vector<T>(fits, [&](auto v) {
    const MatrixOperand<T, v(), false> gradients{pointer<const T>(dy), g.out_channels, g.group_out, g.group_out,
                                                 pixels};
    const PatchColumns<T, v()> patches{pointer<const T>(x), g, pixels, columns};
    gemm(c, "conv2d_backward", gradients, patches, out, g.group_out, columns, pixels, g.groups, cost_of(g, x, dy, dw));
  });
}

Conv2dGrads conv2d_backward(Context& c, const Tensor& x_any, const Tensor& w_any, const Tensor& dy_any,
                            const Conv2dParams& p, const Conv2dNeeds& needs) {
  const Shape shape = conv2d_output_shape(x_any.shape(), w_any.shape(), p);
  check_shape("conv2d_backward", "dy", dy_any, shape);
  if (x_any.dtype() != w_any.dtype() || dy_any.dtype() != x_any.dtype())
    throw UsageError("conv2d_backward: x {}, w {} and dy {} must have one type", x_any.str(), w_any.str(),
                     dy_any.str());
  const ConvGeometry g = conv_geometry("conv2d_backward", x_any.shape(), w_any.shape(), shape, p);
  const Tensor w = to_channels_last(c, w_any);
  Conv2dGrads grads;
  with_floating("conv2d_backward", x_any, [&](auto sample) {
    using T = decltype(sample);
    const Tensor dy = to_channels_last(c, dy_any);
    if (needs.dx) {
      grads.dx = empty_channels_last(c, x_any.shape(), x_any.dtype());
      if (g.depthwise())
        depthwise_input_gradient(c, g, w, dy, grads.dx);
      else if (!cudnn_input_gradient(c, w, dy, grads.dx, p))
        input_gradient<T>(c, g, w, dy, grads.dx);
    }
    if (needs.dw) {
      const Tensor x = to_channels_last(c, x_any);
      grads.dw = empty_like(c, w, w.shape(), DType::f32);
      if (g.depthwise())
        depthwise_weight_gradient(c, g, x, dy, grads.dw);
      else if (!cudnn_weight_gradient(c, x, dy, grads.dw, p))
        weight_gradient<T>(c, g, x, dy, grads.dw);
      grads.dw = in_layout_of(c, grads.dw, w_any);
    }
    if (needs.db) {
      grads.db = empty(c, {g.out_channels}, DType::f32);
      column_sums<T>(c, pointer<const T>(dy), pointer<float>(grads.db), g.out_pixels(), g.out_channels);
    }
  });
  return grads;
}

}  // namespace engine::ENGINE_CUDA_NS

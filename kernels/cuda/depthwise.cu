#include "kernels/cuda/depthwise.h"

#include "kernels/cuda/column_sums.cuh"
#include "kernels/cuda/conv_operands.cuh"

namespace engine::ENGINE_CUDA_NS {

// Weights lie as [tap, channel], so that neighbouring threads read neighbours of them and of the image.
static Tensor taps_first(Context& c, const ConvGeometry& g, const Tensor& w) {
  if (g.taps == 1) return w;
  const Tensor packed = empty(c, w.shape(), w.dtype());
  transpose_matrices(c, w.dtype(), w.raw(), packed.raw(), 1, g.channels, g.taps);
  return packed;
}

// The image has `from` pixels: those of x forward, of dy backward. A thread makes V neighbouring channels of a pixel;
// what taps share is read again from L1. The loops stay rolled: with 40 registers a thread three quarters of the
// device's threads run at once, and their number is what hides the latency of the loads. Backward needs some more.
template <bool backward, int V, class T>
__global__ void __launch_bounds__(256, backward ? 4 : 0)
    depthwise_kernel(const T* __restrict__ image, const T* __restrict__ w, const T* __restrict__ bias,
                     T* __restrict__ result, std::int64_t vectors, ConvGeometry g) {
  const int line = g.channels / V;
  for (std::int64_t i = global_thread(); i < vectors; i += global_threads()) {
    const std::int64_t pixel = i / line;
    const int channel = static_cast<int>(i - pixel * line) * V;
    const Position at = position(static_cast<int>(pixel), backward ? g.by_height : g.by_out_height,
                                 backward ? g.by_width : g.by_out_width);
    const int height = backward ? g.out_height : g.height, width = backward ? g.out_width : g.width;
    const T* plane = image + static_cast<std::int64_t>(at.image) * height * width * g.channels + channel;
    float sum[V];
#pragma unroll
    for (int j = 0; j < V; ++j) sum[j] = bias != nullptr ? static_cast<float>(number(bias[channel + j])) : 0.0f;
#pragma unroll 1
    for (int ky = 0; ky < g.kernel_height; ++ky) {
      int y = backward ? at.y + g.top - ky * g.dilation_y : at.y * g.stride_y - g.top + ky * g.dilation_y;
      if constexpr (backward) {
        if (y < 0) continue;
        const auto [quotient, rest] = g.by_stride_y(static_cast<std::uint32_t>(y));
        y = rest == 0 ? static_cast<int>(quotient) : -1;
      }
      if (!inside(y, height)) continue;
#pragma unroll 1
      for (int kx = 0; kx < g.kernel_width; ++kx) {
        int x = backward ? at.x + g.left - kx * g.dilation_x : at.x * g.stride_x - g.left + kx * g.dilation_x;
        if constexpr (backward) {
          if (x < 0) continue;
          const auto [quotient, rest] = g.by_stride_x(static_cast<std::uint32_t>(x));
          x = rest == 0 ? static_cast<int>(quotient) : -1;
        }
        if (!inside(x, width)) continue;
        const Vec<T, V> a = load<V>(plane + (static_cast<std::int64_t>(y) * width + x) * g.channels, 0);
        const Vec<T, V> b = load<V>(w + static_cast<std::int64_t>(ky * g.kernel_width + kx) * g.channels + channel, 0);
#pragma unroll
        for (int j = 0; j < V; ++j) sum[j] = fmaf(number(a.v[j]), number(b.v[j]), sum[j]);
      }
    }
    Vec<T, V> out;
#pragma unroll
    for (int j = 0; j < V; ++j) out.v[j] = stored<T>(sum[j]);
    store<V>(result, i, out);
  }
}

template <bool backward, class T>
static void gather(Context& c, const ConvGeometry& g, const Tensor& image, const Tensor& w, const Tensor& bias,
                   const Tensor& result) {
  if (result.numel() == 0) return;
  const Tensor packed = taps_first(c, g, w);
  const Cost cost{static_cast<double>(image.bytes() + w.bytes() + result.bytes()), g.flops()};
  constexpr int widest = static_cast<int>(16 / sizeof(T));
  const bool fits = g.channels % widest == 0 && aligned(pointer<T>(image), pointer<T>(packed), pointer<T>(result));
  with_vector<T>(fits, [&](auto v) {
    const std::int64_t vectors = result.numel() / v();
    launch<depthwise_kernel<backward, v(), T>>(
        c, c.grid_stride(vectors), cost, pointer<const T>(image), pointer<const T>(packed),
        bias.defined() ? pointer<const T>(bias) : nullptr, pointer<T>(result), vectors, g);
  });
}

void depthwise_forward(Context& c, const ConvGeometry& g, const Tensor& x, const Tensor& w, const Tensor& bias,
                       const Tensor& y) {
  with_floating("conv2d", x, [&](auto sample) { gather<false, decltype(sample)>(c, g, x, w, bias, y); });
}

void depthwise_input_gradient(Context& c, const ConvGeometry& g, const Tensor& w, const Tensor& dy, const Tensor& dx) {
  with_floating("conv2d_backward", dy, [&](auto sample) { gather<true, decltype(sample)>(c, g, dy, w, {}, dx); });
}

// partial[split][tap, channel]: a block takes 32 channels, one tap and the output pixels of a split. x and dy are read
// once a tap, all but the first time from L2, as blocks of all taps run side by side (taps fastest).
template <class T>
__global__ void __launch_bounds__(sum_columns* sum_rows)
    depthwise_weights_kernel(const T* __restrict__ x, const T* __restrict__ dy, float* __restrict__ partial, int pixels,
                             int pixels_per_split, ConvGeometry g) {
  SHARED(float, s, [sum_rows][sum_columns]);
  const int t = static_cast<int>(blockIdx.x) % g.taps;
  const int channel = static_cast<int>(blockIdx.x) / g.taps * sum_columns + static_cast<int>(threadIdx.x);
  const int split = static_cast<int>(blockIdx.y), begin = split * pixels_per_split;
  const int end = pixels - begin < pixels_per_split ? pixels : begin + pixels_per_split;
  const int shift_y = t / g.kernel_width * g.dilation_y - g.top, shift_x = t % g.kernel_width * g.dilation_x - g.left;
  float sum = 0;
  if (channel < g.channels)
    for (int i = begin + static_cast<int>(threadIdx.y); i < end; i += sum_rows) {
      const Position at = position(i, g.by_out_height, g.by_out_width);
      const int iy = at.y * g.stride_y + shift_y, ix = at.x * g.stride_x + shift_x;
      if (!inside(iy, g.height) || !inside(ix, g.width)) continue;
      const std::int64_t from = (static_cast<std::int64_t>(at.image) * g.height + iy) * g.width + ix;
      sum = fmaf(number(x[from * g.channels + channel]),
                 number(dy[static_cast<std::int64_t>(i) * g.channels + channel]), sum);
    }
  sum = sum_over_rows(s, sum);
  if (threadIdx.y == 0 && channel < g.channels)
    partial[(static_cast<std::int64_t>(split) * g.taps + t) * g.channels + channel] = sum;
}

void depthwise_weight_gradient(Context& c, const ConvGeometry& g, const Tensor& x, const Tensor& dy, const Tensor& dw) {
  if (dw.numel() == 0) return;
  const std::int64_t tiles = std::int64_t{g.taps} * ((g.channels + sum_columns - 1) / sum_columns);
  const std::int64_t pixels = g.out_pixels();
  const int splits = splits_for(c, tiles, pixels, 8 * sum_rows);
  const Tensor partial = empty(c, {splits, dw.numel()}, DType::f32);
  const Tensor packed = g.taps > 1 ? empty(c, dw.shape(), dw.dtype()) : dw;
  const Cost cost{static_cast<double>(x.bytes() + dy.bytes()), g.flops()};
  with_floating("conv2d_backward", x, [&](auto sample) {
    using T = decltype(sample);
    launch<depthwise_weights_kernel<T>>(
        c, {{static_cast<unsigned>(tiles), static_cast<unsigned>(splits)}, {sum_columns, sum_rows}}, cost,
        pointer<const T>(x), pointer<const T>(dy), pointer<float>(partial), static_cast<int>(pixels),
        static_cast<int>((pixels + splits - 1) / splits), g);
    sum_splits<float>(c, partial, pointer<float>(packed), dw.numel(), splits);
  });
  if (g.taps > 1) transpose_matrices(c, dw.dtype(), packed.raw(), dw.raw(), 1, g.taps, g.channels);
}

}  // namespace engine::ENGINE_CUDA_NS

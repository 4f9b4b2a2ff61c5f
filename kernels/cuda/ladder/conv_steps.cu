// Convolution forward, step by step (docs/ladder/convolution.md). Images are channels-last.
#include "kernels/cuda/conv_operands.cuh"
#include "kernels/cuda/ladder/steps.h"
#include "kernels/cuda/ladder/tiled_product.cuh"

namespace engine::ENGINE_CUDA_NS {

// ---- 1: naive -------------------------------------------------------------------------------------------------------

// Neighbouring threads make the channels of a pixel. They read the same numbers of x, and of w (plain [O, I, height,
// width]) numbers that lie a whole filter apart.
template <class T>
__global__ void __launch_bounds__(256)
    naive_convolution_kernel(const T* __restrict__ x, const T* __restrict__ w, const T* __restrict__ bias,
                             T* __restrict__ y, ConvGeometry g, std::int64_t results) {
  const std::int64_t i = global_thread();
  if (i >= results) return;
  const int o = static_cast<int>(i % g.out_channels);
  const Position at = position(static_cast<int>(i / g.out_channels), g.by_out_height, g.by_out_width);
  const T* const filter = w + static_cast<std::int64_t>(o) * g.group_in * g.taps;
  const T* const image = x + static_cast<std::int64_t>(at.image) * g.height * g.width * g.channels;
  float sum = 0;
  for (int ky = 0; ky < g.kernel_height; ++ky)
    for (int kx = 0; kx < g.kernel_width; ++kx) {
      const int row = at.y * g.stride_y - g.top + ky * g.dilation_y;
      const int column = at.x * g.stride_x - g.left + kx * g.dilation_x;
      if (!inside(row, g.height) || !inside(column, g.width)) continue;
      const T* const pixel = image + (static_cast<std::int64_t>(row) * g.width + column) * g.channels;
      for (int k = 0; k < g.group_in; ++k)
        sum = fmaf(number(pixel[o / g.group_out * g.group_in + k]),
                   number(filter[static_cast<std::int64_t>(k) * g.taps + ky * g.kernel_width + kx]), sum);
    }
  if (bias != nullptr) sum += number(bias[o]);
  y[i] = stored<T>(sum);
}

// ---- 2: im2col ------------------------------------------------------------------------------------------------------

// patches[pixel][group][tap][channel]: what each result sums over, zeros where it meets padding.
template <class T>
__global__ void __launch_bounds__(256)
    im2col_kernel(Patches<T, 1> from, T* __restrict__ patches, std::int64_t n, int groups) {
  for (std::int64_t i = global_thread(); i < n; i += global_threads()) {
    const std::int64_t row = i / from.depth;  // of the patches of one group
    const int k = static_cast<int>(i % from.depth), group = static_cast<int>(row % groups);
    patches[i] = from.fetch(from.row(static_cast<int>(row / groups), group), k).v[0];
  }
}

// ---- 3: implicit ----------------------------------------------------------------------------------------------------

// The matrix of step 2 as an operand: nothing of it is in memory.
template <class T>
struct ImplicitPatches {
  Patches<T, 1> from;
  __device__ __forceinline__ bool along_k() const { return true; }
  __device__ __forceinline__ float at(int outer, int k, int group) const {
    return number(from.fetch(from.row(outer, group), k).v[0]);
  }
};

// ---- launches -------------------------------------------------------------------------------------------------------

template <class T>
static void naive_convolution(Context& c, const ConvGeometry& g, const Tensor& x, const Tensor& w, const T* bias,
                              const Tensor& y, const Cost& cost) {
  launch<naive_convolution_kernel<T>>(c, {static_cast<unsigned>((y.numel() + 255) / 256), 256}, cost,
                                      pointer<const T>(x), pointer<const T>(w), bias, pointer<T>(y), g, y.numel());
}

// w [O, I, taps] -> [O, taps, I], in the order of a patch.
static Tensor in_order_of_patches(Context& c, const ConvGeometry& g, const Tensor& w) {
  if (g.taps == 1 || g.group_in <= 1) return w;
  Tensor packed = empty(c, w.shape(), w.dtype());
  transpose_matrices(c, w.dtype(), w.raw(), packed.raw(), g.out_channels, g.group_in, g.taps);
  return packed;
}

bool conv2d_step(Context& c, const ConvGeometry& g, const Tensor& x, const Tensor& w, const Tensor& bias_or_none,
                 const Tensor& y) {
  const int step = c.kernels.conv2d;
  if (step < 1 || step > 3) return false;
  with_floating("conv2d", x, [&](auto sample) {
    using T = decltype(sample);
    if (y.numel() == 0) return;
    const T* bias = bias_or_none.defined() ? pointer<const T>(bias_or_none) : nullptr;
    const double of_w_and_y = static_cast<double>(w.bytes() + y.bytes());
    const Cost cost{static_cast<double>(x.bytes()) + of_w_and_y, g.flops()};
    if (step == 1) return naive_convolution<T>(c, g, x, w, bias, y, cost);

    const Tensor packed = in_order_of_patches(c, g, w);
    const int depth = g.taps * g.group_in, pixels = static_cast<int>(g.out_pixels());
    const Patches<T, 1> patches{pointer<const T>(x), g, pixels, depth};
    const Strided<T> weights{pointer<const T>(packed), depth, 1, std::int64_t{depth} * g.group_out, g.group_out, depth};
    const ProductResult<T> out{pointer<T>(y), bias, g.out_channels, g.group_out};
    if (step == 3)
      return tiled_product(c, "conv2d", ImplicitPatches<T>{patches}, weights, out, pixels, g.group_out, depth, g.groups,
                           cost);
    const std::int64_t row = std::int64_t{depth} * g.groups;
    const Tensor matrix = empty(c, {pixels, row}, x.dtype());
    const double of_matrix = static_cast<double>(matrix.bytes());
    if (row > 0)
      launch<im2col_kernel<T>>(c, c.grid_stride(matrix.numel()), {static_cast<double>(x.bytes()) + of_matrix, 0}, patches,
                               pointer<T>(matrix), matrix.numel(), g.groups);
    tiled_product(c, "conv2d", Strided<T>{pointer<const T>(matrix), row, 1, depth, pixels, depth}, weights, out, pixels,
                  g.group_out, depth, g.groups, {of_matrix + of_w_and_y, g.flops()});
  });
  return true;
}

}  // namespace engine::ENGINE_CUDA_NS

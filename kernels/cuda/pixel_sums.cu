#include "kernels/cuda/pixel_sums.h"

#include <bit>

#include "kernels/cuda/maps.cuh"

namespace engine::ENGINE_CUDA_NS {

constexpr int sum_threads = 256;

// A block's x runs over vectors of channels and y over pixels: a warp reads whole lines whether there are many channels
// or one. [V][threads] in shared memory: neighbouring threads in neighbouring banks.
template <class In, class Out, int V>
__global__ void __launch_bounds__(sum_threads, 4)
    sum_pixels_kernel(const In* __restrict__ x, Out* __restrict__ y, std::int64_t pixels, std::int64_t vectors,
                      unsigned groups, unsigned splits, float divisor) {
  SHARED(float, s, [V][sum_threads]);
  const unsigned group = blockIdx.x % groups, rest = blockIdx.x / groups, split = rest % splits;
  const std::int64_t image = rest / splits, vector = static_cast<std::int64_t>(group) * blockDim.x + threadIdx.x;
  const int row = static_cast<int>(threadIdx.y), rows = static_cast<int>(blockDim.y);
  const int thread = row * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
  float sum[V] = {};
  if (vector < vectors) {
    const std::int64_t end = pixels * (split + 1) / splits;
#pragma unroll 4
    for (std::int64_t p = pixels * split / splits + row; p < end; p += rows)
      add_vector(sum, load<V>(x, (image * pixels + p) * vectors + vector), 1.0f);
  }
#pragma unroll
  for (int k = 0; k < V; ++k) s[k][thread] = sum[k];
  for (int half = rows / 2; half > 0; half /= 2) {
    __syncthreads();
    if (row < half) {
#pragma unroll
      for (int k = 0; k < V; ++k) s[k][thread] += s[k][thread + half * static_cast<int>(blockDim.x)];
    }
  }
  if (row > 0 || vector >= vectors) return;
#pragma unroll
  for (int k = 0; k < V; ++k) sum[k] = s[k][thread];
  store<V>(y, (image * splits + split) * vectors + vector, stored_vector<Out>(sum, divisor));
}

struct SumPlan {
  unsigned lanes, rows, groups, splits;
};

static SumPlan plan_sum(Context& c, std::int64_t images, std::int64_t pixels, std::int64_t vectors) {
  const auto power = [](std::int64_t n) { return static_cast<unsigned>(std::bit_ceil(static_cast<std::uint64_t>(n))); };
  SumPlan p{};
  p.lanes = power(std::min<std::int64_t>(vectors, 32));
  p.groups = static_cast<unsigned>((vectors + p.lanes - 1) / p.lanes);
  p.rows = std::clamp(power(std::min<std::int64_t>(pixels, sum_threads)), 32 / p.lanes, sum_threads / p.lanes);
  // Few channels of a large map leave multiprocessors idle: the pixels are split, as long as a thread keeps eight.
  const std::int64_t wanted = 2 * static_cast<std::int64_t>(c.properties().multiprocessors);
  const std::int64_t blocks = images * p.groups, useful = pixels / (8 * static_cast<std::int64_t>(p.rows));
  p.splits = static_cast<unsigned>(
      std::clamp<std::int64_t>((wanted + blocks - 1) / blocks, 1, std::max<std::int64_t>(useful, 1)));
  return p;
}

template <class In, class Out, int V>
static void sum_once(Context& c, const In* x, Out* y, std::int64_t images, std::int64_t pixels, std::int64_t channels,
                     const SumPlan& p, double divisor) {
  const double read = static_cast<double>(images * pixels * channels),
               written = static_cast<double>(images * p.splits * channels);
  const Cost cost{read * sizeof(In) + written * sizeof(Out), read};
  const LaunchShape shape{static_cast<unsigned>(images * p.groups * p.splits), {p.lanes, p.rows}};
  launch<sum_pixels_kernel<In, Out, V>>(c, shape, cost, x, y, pixels, channels / V, p.groups, p.splits,
                                        static_cast<float>(divisor));
}

template <class T, int V>
static void sum_with(Context& c, const Tensor& x, const MapView& v, double divisor, const Tensor& y) {
  const SumPlan p = plan_sum(c, v.images, v.pixels(), v.channels / V);
  if (p.splits == 1) {
    sum_once<T, T, V>(c, pointer<const T>(x), pointer<T>(y), v.images, v.pixels(), v.channels, p, divisor);
    return;
  }
  const Tensor partial = empty(c, {v.images, p.splits, v.channels}, DType::f32);
  sum_once<T, float, V>(c, pointer<const T>(x), pointer<float>(partial), v.images, v.pixels(), v.channels, p, 1.0);
  SumPlan last = plan_sum(c, v.images, p.splits, v.channels);
  last.splits = 1;
  sum_once<float, T, 1>(c, pointer<const float>(partial), pointer<T>(y), v.images, p.splits, v.channels, last, divisor);
}

void sum_pixels(Context& c, const Tensor& x, double divisor, const Tensor& y) {
  if (y.numel() == 0) return;
  const MapView v = map_view(x.shape(), channels_last(x));
  with_floating("sum over pixels", x, [&](auto sample) {
    using T = decltype(sample);
    constexpr int vector = static_cast<int>(16 / sizeof(T));
    if (v.channels % vector == 0 && aligned(pointer<const T>(x), pointer<T>(y)))
      sum_with<T, vector>(c, x, v, divisor, y);
    else
      sum_with<T, 1>(c, x, v, divisor, y);
  });
}

}  // namespace engine::ENGINE_CUDA_NS

// Rows of contiguous values, one for each group of threads, and the running maximum and sum behind every softmax.
#pragma once

#include <type_traits>

#include "kernels/cuda/dispatch.cuh"

namespace engine::ENGINE_CUDA_NS {

// Of a block. Kernels ask for four blocks a multiprocessor: left alone, ptxas spills to fit six or eight.
inline constexpr int row_threads = 256;

/// The largest of some numbers and the sum of e^(x - max): one pass over a row gives both. NaN is passed over by the
/// maximum and shows in the sum.
struct MaxSum {
  float max, sum;
};
__device__ __forceinline__ MaxSum of_nothing() { return {-INFINITY, 0.0f}; }

/// e^(from - to), where equal ones may be infinite.
__device__ __forceinline__ float rescaling(float from, float to) { return from == to ? 1.0f : expf(from - to); }

/// Commutes to the bit, so that all threads that exchange and join hold the same.
__device__ __forceinline__ MaxSum joined(const MaxSum& a, const MaxSum& b) {
  const bool left = a.max >= b.max;
  const float high = left ? a.max : b.max, low = left ? b.max : a.max;
  return {high, fmaf(left ? b.sum : a.sum, rescaling(low, high), left ? a.sum : b.sum)};
}
__device__ __forceinline__ float joined(float a, float b) { return a + b; }

/// m with the numbers of one vector: one rescaling for all of them.
template <int V, class T>
__device__ __forceinline__ MaxSum with_numbers(MaxSum m, const Vec<T, V>& v) {
  float top = m.max;
#pragma unroll
  for (int k = 0; k < V; ++k) top = fmaxf(top, number(v.v[k]));
  float sum = m.sum * rescaling(m.max, top);
#pragma unroll
  for (int k = 0; k < V; ++k) {
    const float x = number(v.v[k]);
    sum += x == -INFINITY ? 0.0f : expf(x - top);
  }
  return {top, sum};
}

__device__ __forceinline__ float from_lane(float v, int lane_mask) {
  return __shfl_xor_sync(0xFFFFFFFFu, v, lane_mask);
}
__device__ __forceinline__ MaxSum from_lane(const MaxSum& v, int lane_mask) {
  return {from_lane(v.max, lane_mask), from_lane(v.sum, lane_mask)};
}

/// Joins what the G threads of a row hold; each gets the result. The whole block calls it.
template <int G, class T>
__device__ __forceinline__ T over_row(T v) {
  static_assert(G <= 32 || G == row_threads);
#pragma unroll
  for (int mask = (G < 32 ? G : 32) / 2; mask > 0; mask /= 2) v = joined(v, from_lane(v, mask));
  if constexpr (G > 32) {
    SHARED(T, of_warp, [row_threads / 32]);
    __syncthreads();  // the last row's have been read
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = v;
    __syncthreads();
    v = of_warp[0];
#pragma unroll
    for (int w = 1; w < row_threads / 32; ++w) v = joined(v, of_warp[w]);
  }
  return v;
}

/// Calls f(number of the vector) for this thread's vectors of its row.
template <int G, class F>
__device__ __forceinline__ void for_each_vector(std::int64_t vectors, F f) {
#pragma unroll 2
  for (std::int64_t i = threadIdx.x % G; i < vectors; i += G) f(i);
}

/// Calls f(row, whether there is such a row) for the rows of this thread's group; the groups of a block in step.
template <int G, class F>
__device__ __forceinline__ void for_each_row(std::int64_t rows, F f) {
  constexpr int together = row_threads / G;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * together; first < rows;
       first += static_cast<std::int64_t>(gridDim.x) * together) {
    const std::int64_t row = first + threadIdx.x / G;
    f(row, row < rows);
  }
}

/// Calls launch_with(threads of a row, vector length) as constants. A warp takes a row of up to some 256 vectors: the
/// second pass finds it in L1. A block takes longer ones, and few rows whose latency would show.
template <class T, class F>
void with_row_shape(Context& c, std::int64_t rows, std::int64_t n, bool aligned, F&& launch_with) {
  const auto with_vector = [&](auto vector) {
    const std::int64_t vectors = n / vector();
    const bool few = rows < 8 * static_cast<std::int64_t>(c.properties().multiprocessors);
    if (vectors <= 8)
      launch_with(std::integral_constant<int, 8>{}, vector);
    else if (vectors <= (few ? 64 : 256))
      launch_with(std::integral_constant<int, 32>{}, vector);
    else
      launch_with(std::integral_constant<int, row_threads>{}, vector);
  };
  constexpr int most = static_cast<int>(16 / sizeof(T));
  if (aligned && n % most == 0)
    with_vector(std::integral_constant<int, most>{});
  else
    with_vector(std::integral_constant<int, 1>{});
}

}  // namespace engine::ENGINE_CUDA_NS

// What Jacobi's methods share inside kernels: who is turned against whom, and sums over a block.
#pragma once

#include "kernels/cuda/reduce.cuh"

namespace engine::ENGINE_CUDA_NS {

struct JacobiPair {
  int first, second;
};
/// Pair k < n / 2 of a round < n - 1, n even: pairs of a round are disjoint, and after all rounds everybody has met
/// everybody else. Neighbouring k have neighbouring members, so that warps read neighbouring columns.
__device__ __forceinline__ JacobiPair jacobi_pair(int n, int round, int k) {
  const int others = n - 1;
  if (k == 0) return {round, others};  // who stands still while the others walk round the table
  const int up = round + k, down = round - k;
  return {up < others ? up : up - others, down >= 0 ? down : down + others};
}

struct JacobiRotation {
  float c, s;
};
/// The smaller of the two angles whose double has the cotangent zeta. sqrt(1 + zeta^2) would overflow where zeta is
/// large and equals it there.
__device__ __forceinline__ JacobiRotation jacobi_rotation(float zeta) {
  const float size = fabsf(zeta);
  const float t = copysignf(size > 1e6f ? 0.5f / size : 1.0f / (size + sqrtf(fmaf(zeta, zeta, 1.0f))), zeta);
  const float c = 1.0f / sqrtf(fmaf(t, t, 1.0f));
  return {c, t * c};
}

struct Sum {
  __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};
struct Largest {
  __device__ __forceinline__ float operator()(float a, float b) const { return a > b ? a : b; }
};
struct Smallest {
  __device__ __forceinline__ int operator()(int a, int b) const { return a < b ? a : b; }
};
/// f over what all threads of a block of `warps` full warps bring, for each of them.
template <int warps, class T, class F>
__device__ __forceinline__ T over_block(T value, T (&of_warp)[warps], const F& f) {
  for (int offset = 16; offset > 0; offset /= 2) value = f(value, __shfl_xor_sync(all_lanes, value, offset));
  if constexpr (warps > 1) {
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
    __syncthreads();
    value = of_warp[0];
    for (int w = 1; w < warps; ++w) value = f(value, of_warp[w]);
    __syncthreads();  // of_warp may be used again
  }
  return value;
}

}  // namespace engine::ENGINE_CUDA_NS

// Reductions inside a warp and a block, all in one fixed order: the same bits run after run.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace engine::ENGINE_CUDA_NS {

inline constexpr unsigned all_lanes = 0xFFFFFFFFu;

/// Mean and sum of squared deviations of `count` values, as Welford's recurrence carries them.
template <class R>
struct Moments {
  R count, mean, m2;
};
/// Chan, Golub and LeVeque's merge.
template <class R>
__device__ __forceinline__ Moments<R> merge(const Moments<R>& a, const Moments<R>& b) {
  if (a.count == R{0}) return b;
  if (b.count == R{0}) return a;
  const R total = a.count + b.count, share = R{1} / total, delta = b.mean - a.mean;
  return {total, a.mean + delta * (b.count * share), a.m2 + b.m2 + delta * delta * (a.count * b.count * share)};
}

/// Sum over the lanes of a full warp that differ in the bits from `first` on; every lane gets its group's.
template <class R>
__device__ __forceinline__ R warp_sum(R v, int first = 1) {
  for (int offset = first; offset < 32; offset *= 2) v += __shfl_xor_sync(all_lanes, v, offset);
  return v;
}
template <class R>
__device__ __forceinline__ Moments<R> warp_merge(Moments<R> m, int first = 1) {
  for (int offset = first; offset < 32; offset *= 2)
    m = merge(m, {__shfl_xor_sync(all_lanes, m.count, offset), __shfl_xor_sync(all_lanes, m.mean, offset),
                  __shfl_xor_sync(all_lanes, m.m2, offset)});
  return m;
}

}  // namespace engine::ENGINE_CUDA_NS

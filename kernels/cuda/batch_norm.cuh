// What the forward and backward kernels of batch norm must agree on to the bit: a mask computed again in backward is
// the mask of the result.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace engine::ENGINE_CUDA_NS {

/// Per-channel values; `spread` is a variance or 1 / sqrt(variance + eps). shift may be absent.
template <class T>
struct ChannelStatistics {
  const T *weight, *mean, *spread, *shift;
  float eps;
  bool variance;
};

struct Affine {
  float mean, scale, shift, inv_std;
  __device__ __forceinline__ float operator()(float x) const { return fmaf(x - mean, scale, shift); }
};

template <class T>
__device__ __forceinline__ Affine affine_of(const ChannelStatistics<T>& s, std::int64_t channel) {
  const float spread = number(s.spread[channel]);
  const float inv_std = s.variance ? 1.0f / sqrtf(spread + s.eps) : spread;
  return {number(s.mean[channel]), number(s.weight[channel]) * inv_std, s.shift ? number(s.shift[channel]) : 0.0f,
          inv_std};
}

}  // namespace engine::ENGINE_CUDA_NS

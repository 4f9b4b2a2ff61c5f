// What the forward and backward kernels of batch norm must agree on to the bit: a mask computed again in backward is
// the mask of the result.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace engine::ENGINE_CUDA_NS {

/// Per-channel values; shift may be null. `spread` is the variance of running statistics, and of a batch's
/// 1 / sqrt(variance + eps).
struct ChannelStatistics {
  const float *weight, *mean, *spread, *shift;
  float eps;
  bool running;
};

struct Affine {
  float mean, scale, shift, inv_std;
  __device__ __forceinline__ float operator()(float x) const { return fmaf(x - mean, scale, shift); }
};

__device__ __forceinline__ Affine affine_of(const ChannelStatistics& s, std::int64_t channel) {
  const float spread = s.spread[channel];
  const float inv_std = s.running ? 1.0f / sqrtf(spread + s.eps) : spread;
  return {s.mean[channel], s.weight[channel] * inv_std, s.shift ? s.shift[channel] : 0.0f, inv_std};
}

}  // namespace engine::ENGINE_CUDA_NS

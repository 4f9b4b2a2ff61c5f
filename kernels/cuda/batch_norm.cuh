// What the forward and backward kernels of batch norm must agree on to the bit: a mask computed again in backward is
// the mask of the result.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace engine::ENGINE_CUDA_NS {

/// Per-channel values; shift may be absent. Of running statistics `spread` is the variance, and all are of type T; those
/// of a batch are float, and `spread` is 1 / sqrt(variance + eps): rounded to 16 bits they would move the ReLU's mask.
template <class T>
struct ChannelStatistics {
  const T* weight;
  const void *mean, *spread, *shift;
  float eps;
  bool running;

  __device__ __forceinline__ float at(const void* values, std::int64_t channel) const {
    return running ? number(static_cast<const T*>(values)[channel]) : static_cast<const float*>(values)[channel];
  }
};

struct Affine {
  float mean, scale, shift, inv_std;
  __device__ __forceinline__ float operator()(float x) const { return fmaf(x - mean, scale, shift); }
};

template <class T>
__device__ __forceinline__ Affine affine_of(const ChannelStatistics<T>& s, std::int64_t channel) {
  const float spread = s.at(s.spread, channel);
  const float inv_std = s.running ? 1.0f / sqrtf(spread + s.eps) : spread;
  return {s.at(s.mean, channel), number(s.weight[channel]) * inv_std, s.shift ? s.at(s.shift, channel) : 0.0f, inv_std};
}

}  // namespace engine::ENGINE_CUDA_NS

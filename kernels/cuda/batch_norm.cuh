// What the forward and backward kernels of batch norm must agree on to the bit: a mask computed again in backward is
// the mask of the result.
#pragma once

#include "kernels/cuda/reduce.cuh"

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

/// Where the statistics of a batch go.
struct ForwardStatistics {
  const float *weight, *bias;
  float *mean, *inv_std, *shift;
  float *running_mean, *running_var;  ///< or null
  double eps, momentum;
};

__device__ __forceinline__ void update_running(float* running, double batch, double momentum) {
  *running = static_cast<float>((1.0 - momentum) * static_cast<double>(*running) + momentum * batch);
}

__device__ __forceinline__ void write_statistics(const ForwardStatistics& s, std::int64_t channel,
                                                 const Moments<double>& m) {
  const float inv_std = static_cast<float>(1.0 / sqrt(m.m2 / m.count + s.eps)), rounded = static_cast<float>(m.mean);
  const float scale = s.weight[channel] * inv_std;
  // What rounding took from the mean goes into the shift.
  const double lost = (m.mean - static_cast<double>(rounded)) * static_cast<double>(scale);
  s.mean[channel] = rounded;
  s.inv_std[channel] = inv_std;
  s.shift[channel] = static_cast<float>(static_cast<double>(s.bias[channel]) - lost);
  if (!s.running_mean) return;
  update_running(s.running_mean + channel, m.mean, s.momentum);
  update_running(s.running_var + channel, m.m2 / (m.count - 1.0), s.momentum);
}

}  // namespace engine::ENGINE_CUDA_NS

// Batch norm forward with the statistics of the batch, step by step (docs/ladder/batch_norm.md).
#include <algorithm>

#include "kernels/cuda/batch_norm.cuh"
#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/ladder/steps.h"
#include "kernels/cuda/reduce.cuh"

namespace engine::ENGINE_CUDA_NS {

constexpr int step_threads = 256, step_warps = step_threads / 32;

/// Where a channel's values lie: number i of them is pixel i % plane of image i / plane.
struct ChannelPlaces {
  std::int64_t channels, plane, values;            // values: of one channel
  std::int64_t image_stride, channel_stride, pixel_stride;

  __device__ __forceinline__ std::int64_t at(std::int64_t channel, std::int64_t i) const {
    return i / plane * image_stride + channel * channel_stride + i % plane * pixel_stride;
  }
};

template <class T>
__device__ __forceinline__ float normalized_value(const Affine& affine, T x, const T* residual, std::int64_t at,
                                                  bool relu) {
  float v = affine(number(x));
  if (residual != nullptr) v += number(residual[at]);
  return relu && v < 0.0f ? 0.0f : v;  // NaN stays
}

// ---- 1: naive -------------------------------------------------------------------------------------------------------

/// Adds up over the block; the first thread gets the sum. One call a kernel.
__device__ __forceinline__ float block_sum(float value) {
  SHARED(float, of_warp, [step_warps]);
  const float sum = warp_sum(value);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = sum;
  __syncthreads();
  float total = 0;
  if (threadIdx.x == 0)
    for (int w = 0; w < step_warps; ++w) total += of_warp[w];
  return total;
}

template <class T>
__global__ void __launch_bounds__(step_threads)
    mean_kernel(const T* __restrict__ x, ChannelPlaces p, float* __restrict__ means) {
  const std::int64_t channel = blockIdx.x;
  float sum = 0;
  for (std::int64_t i = threadIdx.x; i < p.values; i += step_threads) sum += number(x[p.at(channel, i)]);
  sum = block_sum(sum);
  if (threadIdx.x == 0) means[channel] = sum / static_cast<float>(p.values);
}

template <class T>
__global__ void __launch_bounds__(step_threads)
    variance_kernel(const T* __restrict__ x, ChannelPlaces p, const float* __restrict__ means, ForwardStatistics s) {
  const std::int64_t channel = blockIdx.x;
  const float mean = means[channel];
  float sum = 0;
  for (std::int64_t i = threadIdx.x; i < p.values; i += step_threads) {
    const float d = number(x[p.at(channel, i)]) - mean;
    sum = fmaf(d, d, sum);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0)
    write_statistics(s, channel, {static_cast<double>(p.values), static_cast<double>(mean), static_cast<double>(sum)});
}

// Steps 1 and 2.
template <class T>
__global__ void __launch_bounds__(step_threads)
    normalize_channel_kernel(const T* __restrict__ x, const T* __restrict__ residual, T* __restrict__ y, ChannelPlaces p,
                             ChannelStatistics s, bool relu) {
  const std::int64_t channel = blockIdx.x;
  const Affine affine = affine_of(s, channel);
  for (std::int64_t i = threadIdx.x; i < p.values; i += step_threads) {
    const std::int64_t at = p.at(channel, i);
    y[at] = stored<T>(normalized_value(affine, x[at], residual, at, relu));
  }
}

// ---- 2, 3, 4: one pass; along memory; several blocks a channel ------------------------------------------------------

/// `along` threads side by side take neighbouring channels: 1, or 32 where those are neighbours in memory. Block (i, j)
/// has the j-th of `splits` equal parts of their values.
struct StepShare {
  std::int64_t per_split;
  int along, splits;
};

// Moments of each part, [channel][split].
template <class T>
__global__ void __launch_bounds__(step_threads)
    part_moments_kernel(const T* __restrict__ x, ChannelPlaces p, StepShare share, Moments<float>* __restrict__ parts) {
  SHARED(Moments<float>, of_warp, [step_warps][32]);
  const int thread = static_cast<int>(threadIdx.x), column = thread % share.along;
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.x) * share.along + column;
  const std::int64_t first = blockIdx.y * share.per_split, rest = p.values - first;
  const std::int64_t end = channel < p.channels ? first + (rest < share.per_split ? rest : share.per_split) : first;
  Moments<float> m{0, 0, 0};
  for (std::int64_t i = first + thread / share.along; i < end; i += step_threads / share.along) {
    const float v = number(x[p.at(channel, i)]), before = v - m.mean;
    m.count += 1.0f;
    m.mean += before / m.count;
    m.m2 = fmaf(before, v - m.mean, m.m2);
  }
  of_warp[thread / 32][thread % 32] = warp_merge(m, share.along);
  __syncthreads();
  if (thread >= share.along || channel >= p.channels) return;
  m = of_warp[0][column];
  for (int w = 1; w < step_warps; ++w) m = merge(m, of_warp[w][column]);
  parts[channel * share.splits + blockIdx.y] = m;
}

// A thread merges the parts of one channel, in their order and in double.
__global__ void __launch_bounds__(step_threads)
    merge_parts_kernel(const Moments<float>* __restrict__ parts, std::int64_t channels, int splits, ForwardStatistics s) {
  const std::int64_t channel = global_thread();
  if (channel >= channels) return;
  Moments<double> m{0, 0, 0};
  for (int i = 0; i < splits; ++i) {
    const Moments<float> part = parts[channel * splits + i];
    m = merge(m, {static_cast<double>(part.count), static_cast<double>(part.mean), static_cast<double>(part.m2)});
  }
  write_statistics(s, channel, m);
}

// Steps 3 and 4: thread after thread along memory.
template <class T>
__global__ void __launch_bounds__(step_threads)
    normalize_along_memory_kernel(const T* __restrict__ x, const T* __restrict__ residual, T* __restrict__ y,
                                  std::int64_t n, ChannelPlaces p, ChannelStatistics s, bool relu) {
  for (std::int64_t i = global_thread(); i < n; i += global_threads()) {
    const Affine affine = affine_of(s, i / p.channel_stride % p.channels);
    y[i] = stored<T>(normalized_value(affine, x[i], residual, i, relu));
  }
}

// ---- launches -------------------------------------------------------------------------------------------------------

static ChannelPlaces places_of(const Tensor& x) {
  ChannelPlaces p{};
  p.channels = x.dim(1);
  p.values = x.numel() / p.channels;
  p.plane = p.values / x.dim(0);
  p.image_stride = p.channels * p.plane;
  p.channel_stride = channels_last(x) ? 1 : p.plane;
  p.pixel_stride = channels_last(x) ? p.channels : 1;
  return p;
}

template <class T>
static void two_readings(Context& c, const Tensor& x, const ChannelPlaces& p, const ForwardStatistics& s) {
  const Tensor means = empty(c, {p.channels}, DType::f32);
  const Cost cost{static_cast<double>(x.bytes()), static_cast<double>(x.numel()) * 2};
  const LaunchShape shape{static_cast<unsigned>(p.channels), step_threads};
  launch<mean_kernel<T>>(c, shape, cost, pointer<const T>(x), p, pointer<float>(means));
  launch<variance_kernel<T>>(c, shape, cost, pointer<const T>(x), p, pointer<const float>(means), s);
}

template <class T>
static void one_reading(Context& c, const Tensor& x, const ChannelPlaces& p, const ForwardStatistics& s, int step) {
  StepShare share{p.values, step >= 3 && p.channel_stride == 1 ? 32 : 1, 1};
  const std::int64_t tiles = (p.channels + share.along - 1) / share.along;
  if (step >= 4) {  // 8 blocks of 256 fill a multiprocessor; each thread keeps something to do
    const std::int64_t wanted = std::max<std::int64_t>(1, 8 * c.properties().multiprocessors / tiles);
    const std::int64_t rows = (p.values * share.along + step_threads - 1) / step_threads;
    share.per_split = (p.values + std::min(wanted, rows) - 1) / std::min(wanted, rows);
    share.splits = static_cast<int>((p.values + share.per_split - 1) / share.per_split);
  }
  const Tensor parts = empty(c, {p.channels, share.splits, 3}, DType::f32);
  launch<part_moments_kernel<T>>(
      c, {{static_cast<unsigned>(tiles), static_cast<unsigned>(share.splits)}, step_threads},
      {static_cast<double>(x.bytes() + parts.bytes()), static_cast<double>(x.numel()) * 5}, pointer<const T>(x), p, share,
      pointer<Moments<float>>(parts));
  launch<merge_parts_kernel>(c, {static_cast<unsigned>((p.channels + step_threads - 1) / step_threads), step_threads},
                             {static_cast<double>(parts.bytes()), static_cast<double>(parts.numel()) * 3},
                             pointer<const Moments<float>>(parts), p.channels, share.splits, s);
}

bool batch_norm_step(Context& c, const Tensor& x, const Tensor& residual, const ForwardStatistics& s, const Tensor& y,
                     bool relu) {
  const int step = c.kernels.batch_norm;
  if (step < 1 || step > 4) return false;
  const ChannelPlaces p = places_of(x);
  with_floating("batch_norm_train", x, [&](auto sample) {
    using T = decltype(sample);
    if (step == 1)
      two_readings<T>(c, x, p, s);
    else
      one_reading<T>(c, x, p, s, step);
    const T* r = residual.defined() ? pointer<const T>(residual) : nullptr;
    const ChannelStatistics found{s.weight, s.mean, s.inv_std, s.shift, 0.0f, false};
    const Cost cost{static_cast<double>(x.bytes()) * (r ? 3.0 : 2.0), static_cast<double>(x.numel()) * 5};
    if (step <= 2)
      launch<normalize_channel_kernel<T>>(c, {static_cast<unsigned>(p.channels), step_threads}, cost,
                                          pointer<const T>(x), r, pointer<T>(y), p, found, relu);
    else
      launch<normalize_along_memory_kernel<T>>(c, c.grid_stride(x.numel()), cost, pointer<const T>(x), r, pointer<T>(y),
                                               x.numel(), p, found, relu);
  });
  return true;
}

}  // namespace engine::ENGINE_CUDA_NS

// Batch norm forward: two passes over x, statistics, whose partial ones the last block of a channel merges in order,
// and then the result, with residual and ReLU in the same pass.
#include "kernels/cuda/batch_norm.h"

#include "kernels/checks.h"
#include "kernels/cuda/batch_norm.cuh"
#include "kernels/cuda/channel_walk.cuh"
#include "kernels/cuda/ladder/steps.h"
#include "kernels/cuda/last_block.cuh"
#include "kernels/cuda/movement.h"
#include "kernels/cuda/one_type.h"

namespace engine::ENGINE_CUDA_NS {

constexpr int chunk = 4;  // items a thread holds in registers, so that their variance takes two passes and one read

// Moments over the splits of a channel, in two passes over their partial ones.
template <class Kind>
__device__ __forceinline__ Moments<double> merged(const SplitSum<Kind>& over, const ChannelWalk& w, const float* means,
                                                  const float* m2s) {
  SHARED(float, s, [walk_threads]);
  const float values = static_cast<float>(w.items) * static_cast<float>(w.weight);
  float sum = 0;
  if (over.inside) {
#pragma unroll 8
    for (int i = over.first; i < w.splits; i += over.step)
      sum = fmaf(static_cast<float>(w.items_of(i) * w.weight), means[partial_at(w, i, over.channel)], sum);
  }
  const float mean = over(sum, w, s) / values;
  float m2 = 0;
  if (over.inside) {
#pragma unroll 4
    for (int i = over.first; i < w.splits; i += over.step) {
      const std::int64_t at = partial_at(w, i, over.channel);
      const float count = static_cast<float>(w.items_of(i) * w.weight), d = means[at] - mean;
      m2 += fmaf(count * d, d, m2s[at]);
    }
  }
  m2 = over(m2, w, s);
  return {static_cast<double>(w.items) * w.weight, static_cast<double>(mean), static_cast<double>(m2)};
}

// Partial moments of each split of x minus the channel's first value: near zero, where float has digits to spare
// however far the mean is from it.
template <class Kind, class T>
__global__ void __launch_bounds__(walk_threads)
    moments_kernel(const T* __restrict__ x, ChannelWalk w, float* means, float* m2s, unsigned* counters,
                   ForwardStatistics s) {
  constexpr int V = Kind::vector, K = Kind::channels;
  SHARED(float, s_count, [walk_warps][32]);
  SHARED(float, s_mean, [walk_warps][K][32]);
  SHARED(float, s_m2, [walk_warps][K][32]);
  const Lane<Kind> lane(w);
  float count = 0, mean[K] = {}, m2[K] = {}, pivot[K] = {};
  if (lane.inside(w)) {
#pragma unroll
    for (int k = 0; k < K; ++k) pivot[k] = first_of<Kind::last>(x, w, lane.channel + k);
  }
  for (std::int64_t item = lane.begin; item < lane.end; item += chunk * lane.step) {
    float d[chunk][V], sum[K] = {}, squares[K] = {};
    int n = 0;
#pragma unroll
    for (int u = 0; u < chunk; ++u) {
      const std::int64_t at = item + u * lane.step;
      if (at < lane.end) {
        const Vec<T, V> v = load<V>(x, lane.vector_at(w, at));
#pragma unroll
        for (int k = 0; k < V; ++k) d[u][k] = number(v.v[k]) - pivot[k % K];
        ++n;
      } else {
#pragma unroll
        for (int k = 0; k < V; ++k) d[u][k] = 0;
      }
#pragma unroll
      for (int k = 0; k < V; ++k) sum[k % K] += d[u][k];
    }
    const float here = static_cast<float>(n * (V / K)), share = 1.0f / here;
#pragma unroll
    for (int k = 0; k < K; ++k) sum[k] *= share;
#pragma unroll
    for (int u = 0; u < chunk; ++u)
      if (u < n) {
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const float e = d[u][k] - sum[k % K];
          squares[k % K] = fmaf(e, e, squares[k % K]);
        }
      }
    const float total = count + here, part = here / total, cross = count * part;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const float delta = sum[k] - mean[k];
      mean[k] = fmaf(delta, part, mean[k]);
      m2[k] += squares[k] + (count > 0 ? delta * delta * cross : 0.0f);
    }
    count = total;
  }
  const int thread = static_cast<int>(threadIdx.x), in_warp = thread % 32, warp = thread / 32;
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const Moments<float> m = warp_merge(Moments<float>{count, mean[k], m2[k]}, w.along);
    if (k == 0) s_count[warp][in_warp] = m.count;
    s_mean[warp][k][in_warp] = m.mean;
    s_m2[warp][k][in_warp] = m.m2;
  }
  __syncthreads();
  const int column = thread % w.along, k = thread / w.along;
  const std::int64_t channel = lane.channel + k;
  if (k < K && channel < w.channels) {
    Moments<float> m{0, 0, 0};
    for (int i = 0; i < walk_warps; ++i) m = merge(m, {s_count[i][column], s_mean[i][k][column], s_m2[i][k][column]});
    means[partial_at(w, blockIdx.y, channel)] = m.mean;
    m2s[partial_at(w, blockIdx.y, channel)] = m.m2;
  }
  if (!last_of_blocks(counters + blockIdx.x, w.splits)) return;
  const SplitSum<Kind> over(w);
  Moments<double> m = merged(over, w, means, m2s);
  if (over.first != 0 || !over.inside) return;
  m.mean += static_cast<double>(first_of<Kind::last>(x, w, over.channel));
  write_statistics(s, over.channel, m);
}

template <class Kind, class T>
__global__ void __launch_bounds__(walk_threads)
    normalize_kernel(const T* __restrict__ x, const T* __restrict__ residual, T* __restrict__ y, ChannelWalk w,
                     ChannelStatistics s, bool relu) {
  constexpr int V = Kind::vector, K = Kind::channels;
  const Lane<Kind> lane(w);
  if (!lane.inside(w)) return;
  Affine a[K];
#pragma unroll
  for (int k = 0; k < K; ++k) a[k] = affine_of(s, lane.channel + k);
#pragma unroll 2
  for (std::int64_t item = lane.begin; item < lane.end; item += lane.step) {
    const std::int64_t at = lane.vector_at(w, item);
    const Vec<T, V> in = load<V>(x, at);
    Vec<T, V> r{}, out;
    if (residual) r = load<V>(residual, at);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      float v = a[k % K](number(in.v[k]));
      if (residual) v += number(r.v[k]);
      if (relu) v = v < 0.0f ? 0.0f : v;  // NaN stays
      out.v[k] = stored<T>(v);
    }
    store<V>(y, at, out);
  }
}

template <class T>
static Tensor normalized(Context& c, const Tensor& x, const Tensor& residual, const ChannelStatistics& s,
                         bool relu) {
  Tensor y = empty_like(c, x);
  if (x.numel() == 0) return y;
  const T* r = residual.defined() ? pointer<const T>(residual) : nullptr;
  with_walk<T>(c, x, aligned(pointer<T>(x), pointer<T>(y), r), 2, [&](auto kind, const ChannelWalk& w) {
    using Kind = decltype(kind);
    const Cost cost{static_cast<double>(x.bytes()) * (r ? 3.0 : 2.0), static_cast<double>(x.numel()) * 5};
    launch<normalize_kernel<Kind, T>>(c, shape_of(w, Kind::last, Kind::vector), cost, pointer<const T>(x), r,
                                      pointer<T>(y), w, s, relu);
  });
  return y;
}

template <class T>
static void batch_statistics(Context& c, const Tensor& x, const ForwardStatistics& s) {
  with_walk<T>(c, x, aligned(pointer<T>(x)), chunk, [&](auto kind, const ChannelWalk& w) {
    using Kind = decltype(kind);
    const Tensor partial = empty(c, {2, w.splits, w.channels}, DType::f32);
    float* means = pointer<float>(partial);
    float* m2s = means + w.channels * w.splits;
    // The partial ones are written and read.
    const Cost cost{static_cast<double>(x.bytes() + 2 * partial.bytes()), static_cast<double>(x.numel()) * 5};
    const LaunchShape shape = shape_of(w, Kind::last, Kind::vector);
    launch<moments_kernel<Kind, T>>(c, shape, cost, pointer<const T>(x), w, means, m2s, counters_for(c, w, shape), s);
  });
}

BatchNormResult batch_norm_train(Context& c, const Tensor& x, const Tensor& residual_any, const Tensor& weight,
                                 const Tensor& bias, const Tensor& running_mean, const Tensor& running_var,
                                 const BatchNormParams& p) {
  check_batch_norm("batch_norm_train", x, residual_any, weight, bias, running_mean, running_var);
  check_one_type("batch_norm_train", x, {&residual_any});
  check_channel_type("batch_norm_train", {&weight, &bias, &running_mean, &running_var});
  if (x.numel() == 0 || x.numel() / x.dim(1) < 2)
    throw UsageError("batch_norm_train: needs more than one value a channel, found x {}", x.shape().str());
  const Tensor residual = residual_any.defined() ? in_layout_of(c, residual_any, x) : residual_any;
  const Shape channels{x.dim(1)};
  BatchNormResult r;
  with_floating("batch_norm_train", x, [&](auto sample) {
    using T = decltype(sample);
    r.mean = empty(c, channels, DType::f32);
    r.inv_std = empty(c, channels, DType::f32);
    r.shift = empty(c, channels, DType::f32);
    const bool running = running_mean.defined();
    const ForwardStatistics s{pointer<const float>(weight),
                              pointer<const float>(bias),
                              pointer<float>(r.mean),
                              pointer<float>(r.inv_std),
                              pointer<float>(r.shift),
                              running ? pointer<float>(running_mean) : nullptr,
                              running ? pointer<float>(running_var) : nullptr,
                              p.eps,
                              p.momentum};
    if (c.kernels.batch_norm > 0) {
      r.y = empty_like(c, x);
      if (batch_norm_step(c, x, residual, s, r.y, p.relu)) return;
    }
    batch_statistics<T>(c, x, s);
    r.y = normalized<T>(c, x, residual,
                        {pointer<const float>(weight), pointer<const float>(r.mean), pointer<const float>(r.inv_std),
                         pointer<const float>(r.shift), 0.0f, false},
                        p.relu);
  });
  mark_written(running_mean);
  mark_written(running_var);
  return r;
}

Tensor batch_norm_eval(Context& c, const Tensor& x, const Tensor& residual_any, const Tensor& weight,
                       const Tensor& bias, const Tensor& mean, const Tensor& var, const BatchNormParams& p) {
  check_batch_norm("batch_norm_eval", x, residual_any, weight, bias, mean, var);
  check_one_type("batch_norm_eval", x, {&residual_any});
  check_channel_type("batch_norm_eval", {&weight, &bias, &mean, &var});
  const Tensor residual = residual_any.defined() ? in_layout_of(c, residual_any, x) : residual_any;
  Tensor y;
  with_floating("batch_norm_eval", x, [&](auto sample) {
    using T = decltype(sample);
    y = normalized<T>(c, x, residual,
                      {pointer<const float>(weight), pointer<const float>(mean), pointer<const float>(var),
                       pointer<const float>(bias), static_cast<float>(p.eps), true},
                      p.relu);
  });
  return y;
}

}  // namespace engine::ENGINE_CUDA_NS

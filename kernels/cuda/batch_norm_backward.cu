// Batch norm backward: one pass for the sums of a channel (which also writes the masked gradient where the residual
// wants it), whose partial ones the last block of a channel adds in order, and one pass for dx. Constant statistics
// need no sums for dx: one pass does both.
#include "kernels/checks.h"
#include "kernels/cuda/batch_norm.cuh"
#include "kernels/cuda/batch_norm.h"
#include "kernels/cuda/channel_walk.cuh"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/movement.h"
#include "kernels/cuda/one_type.h"

namespace engine::ENGINE_CUDA_NS {

enum class ReluMask { none, given, computed };

// The gradient in front of the ReLU. The computed value is rounded as the result was: what became 0 there is 0 here.
template <class T>
__device__ __forceinline__ float masked(ReluMask mask, float dy, T y, T x, const Affine& a) {
  if (mask == ReluMask::none) return dy;
  const float value = mask == ReluMask::given ? number(y) : number(stored<T>(a(number(x))));
  return value <= 0.0f ? 0.0f : dy;
}

// `more` is null, or added to dy.
template <class T>
struct GradientSource {
  const T *x, *y, *dy, *more;
  ReluMask mask;
};

// Blocks that a multiprocessor runs at once. Left to itself ptxas spills for sm_100 and sm_120 to fit a third one.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
constexpr int gradient_blocks = 2;
#else
constexpr int gradient_blocks = 3;
#endif

// What comes of the sums of a channel.
struct ChannelGradients {
  float *dweight, *dbias, *mean_g, *mean_gx;
};

// From the sums of the gradient g and of g (x - mean). g_out and dx may be null; dx is that of constant statistics.
template <class Kind, class T>
__global__ void __launch_bounds__(walk_threads, gradient_blocks)
    gradient_sums_kernel(GradientSource<T> from, T* __restrict__ g_out, T* __restrict__ dx, ChannelWalk w,
                         ChannelStatistics s, float* partial, unsigned* counters, ChannelGradients out) {
  constexpr int V = Kind::vector, K = Kind::channels;
  const Lane<Kind> lane(w);
  float g_sum[K] = {}, gx_sum[K] = {};
  Affine a[K] = {};
  if (lane.inside(w)) {
#pragma unroll
    for (int k = 0; k < K; ++k) a[k] = affine_of(s, lane.channel + k);
  }
#pragma unroll 2
  for (std::int64_t item = lane.begin; item < lane.end; item += lane.step) {
    const std::int64_t at = lane.vector_at(w, item);
    const Vec<T, V> x = load<V>(from.x, at), dy = load<V>(from.dy, at);
    Vec<T, V> y{}, more{}, g_vector, dx_vector;
    if (from.mask == ReluMask::given) y = load<V>(from.y, at);
    if (from.more) more = load<V>(from.more, at);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const Affine& c = a[k % K];
      const float arrived = from.more ? number(dy.v[k]) + number(more.v[k]) : number(dy.v[k]);
      const float g = masked(from.mask, arrived, y.v[k], x.v[k], c);
      g_sum[k % K] += g;
      gx_sum[k % K] = fmaf(g, number(x.v[k]) - c.mean, gx_sum[k % K]);
      g_vector.v[k] = stored<T>(g);
      dx_vector.v[k] = stored<T>(c.scale * g);
    }
    if (g_out) store<V>(g_out, at, g_vector);
    if (dx) store<V>(dx, at, dx_vector);
  }
  sum_channels(lane, w, g_sum, gx_sum, partial, counters, [&](std::int64_t channel, float g, float gx) {
    const float inv_std = affine_of(s, channel).inv_std;
    const float count = static_cast<float>(w.items) * static_cast<float>(w.weight);
    out.dweight[channel] = gx * inv_std;
    out.dbias[channel] = g;
    out.mean_g[channel] = g / count;
    out.mean_gx[channel] = gx * inv_std * inv_std / count;
  });
}

template <class Kind, class T>
__global__ void __launch_bounds__(walk_threads, gradient_blocks)
    input_gradient_kernel(GradientSource<T> from, T* __restrict__ dx, ChannelWalk w, ChannelStatistics s,
                          const float* __restrict__ mean_g, const float* __restrict__ mean_gx) {
  constexpr int V = Kind::vector, K = Kind::channels;
  const Lane<Kind> lane(w);
  if (!lane.inside(w)) return;
  Affine a[K];
  float g_mean[K], gx_mean[K];
#pragma unroll
  for (int k = 0; k < K; ++k) {
    a[k] = affine_of(s, lane.channel + k);
    g_mean[k] = mean_g[lane.channel + k];
    gx_mean[k] = mean_gx[lane.channel + k];
  }
#pragma unroll 2
  for (std::int64_t item = lane.begin; item < lane.end; item += lane.step) {
    const std::int64_t at = lane.vector_at(w, item);
    const Vec<T, V> x = load<V>(from.x, at), dy = load<V>(from.dy, at);
    Vec<T, V> y{}, out;
    if (from.mask == ReluMask::given) y = load<V>(from.y, at);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const Affine& c = a[k % K];
      const float g = masked(from.mask, number(dy.v[k]), y.v[k], x.v[k], c);
      out.v[k] = stored<T>(c.scale * fmaf(c.mean - number(x.v[k]), gx_mean[k % K], g - g_mean[k % K]));
    }
    store<V>(dx, at, out);
  }
}

// x has elements. With constant statistics dx is written by the pass that sums. `more` is added to dy; it needs
// store_masked.
template <class T>
static void gradients(Context& c, const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& more,
                      const ChannelStatistics& s, ReluMask mask, bool store_masked, bool constant,
                      const BatchNormGrads& grads) {
  const T* given = mask == ReluMask::given ? pointer<const T>(y) : nullptr;
  T* g_out = store_masked ? pointer<T>(grads.dresidual) : nullptr;
  T* dx = pointer<T>(grads.dx);
  const T* second = more.defined() ? pointer<const T>(more) : nullptr;
  const bool fits = aligned(pointer<T>(x), pointer<T>(dy), given, second, g_out, dx);
  with_walk<T>(c, x, fits, 2, [&](auto kind, const ChannelWalk& w) {
    using Kind = decltype(kind);
    const LaunchShape shape = shape_of(w, Kind::last, Kind::vector);
    const double bytes = static_cast<double>(x.bytes()), numbers = static_cast<double>(x.numel());
    const Tensor partial = empty(c, {2, w.splits, w.channels}, DType::f32);
    const Tensor means = empty(c, {2, w.channels}, DType::f32);
    float *mean_g = pointer<float>(means), *mean_gx = mean_g + w.channels;
    GradientSource<T> from{pointer<const T>(x), given, pointer<const T>(dy), second, mask};
    const double moved = 2.0 + (given ? 1.0 : 0.0) + (second ? 1.0 : 0.0) + (g_out ? 1.0 : 0.0) + (constant ? 1.0 : 0.0);
    const Cost cost{moved * bytes + 2.0 * static_cast<double>(partial.bytes()), 5 * numbers};
    launch<gradient_sums_kernel<Kind, T>>(
        c, shape, cost, from, g_out, constant ? dx : nullptr, w, s, pointer<float>(partial), counters_for(c, w, shape),
        ChannelGradients{pointer<float>(grads.dweight), pointer<float>(grads.dbias), mean_g, mean_gx});
    if (constant) return;
    // Where the masked gradient was written down, the mask need not be read again.
    if (g_out) from = {from.x, nullptr, g_out, nullptr, ReluMask::none};
    launch<input_gradient_kernel<Kind, T>>(c, shape, {(from.y ? 4.0 : 3.0) * bytes, 6 * numbers}, from, dx, w, s,
                                           static_cast<const float*>(mean_g), static_cast<const float*>(mean_gx));
  });
}

static BatchNormGrads backward(Context& c, std::string_view op, const Tensor& x, const Tensor& y_any,
                               const Tensor& weight, const Tensor& mean, const Tensor& spread, const Tensor& shift,
                               const Tensor& dy_any, const Tensor& more_any, bool need_residual,
                               const BatchNormParams& p, bool constant) {
  check_batch_norm_backward(op, x, y_any, weight, mean, spread, shift, dy_any, p);
  check_one_type(op, x, {&y_any, &dy_any, &more_any});
  check_channel_type(op, {&weight, &mean, &spread, &shift});
  const ReluMask mask = !p.relu ? ReluMask::none : y_any.defined() ? ReluMask::given : ReluMask::computed;
  const bool store_masked = p.relu && need_residual;
  if (more_any.defined()) check_same_shape(op, dy_any, more_any);
  // Two gradients are added on the way where their sum, masked, is written down anyway.
  const bool adds = more_any.defined() && !store_masked;
  const Tensor dy = in_layout_of(c, adds ? add(c, dy_any, more_any) : dy_any, x);
  const Tensor more = more_any.defined() && store_masked ? in_layout_of(c, more_any, x) : Tensor();
  const Tensor y = mask == ReluMask::given ? in_layout_of(c, y_any, x) : Tensor();
  BatchNormGrads grads;
  with_floating(op, x, [&](auto sample) {
    using T = decltype(sample);
    grads.dx = empty_like(c, x);
    grads.dweight = empty(c, {x.dim(1)}, DType::f32);
    grads.dbias = empty(c, {x.dim(1)}, DType::f32);
    if (need_residual) grads.dresidual = p.relu ? empty_like(c, x) : dy;
    if (x.numel() == 0) {
      fill_(c, grads.dweight, 0);
      fill_(c, grads.dbias, 0);
      return;
    }
    const ChannelStatistics s{pointer<const float>(weight), pointer<const float>(mean), pointer<const float>(spread),
                              mask == ReluMask::computed ? pointer<const float>(shift) : nullptr,
                              static_cast<float>(p.eps), constant};
    gradients<T>(c, x, y, dy, more, s, mask, store_masked, constant, grads);
  });
  return grads;
}

BatchNormGrads batch_norm_train_backward(Context& c, const Tensor& x, const Tensor& y, const Tensor& weight,
                                         const Tensor& mean, const Tensor& inv_std, const Tensor& shift,
                                         const Tensor& dy, const Tensor& more, bool need_residual,
                                         const BatchNormParams& p) {
  return backward(c, "batch_norm_train_backward", x, y, weight, mean, inv_std, shift, dy, more, need_residual, p, false);
}

BatchNormGrads batch_norm_eval_backward(Context& c, const Tensor& x, const Tensor& y, const Tensor& weight,
                                        const Tensor& bias, const Tensor& mean, const Tensor& var, const Tensor& dy,
                                        bool need_residual, const BatchNormParams& p) {
  return backward(c, "batch_norm_eval_backward", x, y, weight, mean, var, bias, dy, {}, need_residual, p, true);
}

}  // namespace engine::ENGINE_CUDA_NS

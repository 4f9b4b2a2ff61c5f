#include "kernels/cuda/optimizers.h"

#include <cmath>

#include "kernels/checks.h"
#include "kernels/cuda/movement.h"
#include "kernels/cuda/multi_tensor.cuh"

namespace engine::ENGINE_CUDA_NS {

// ---- the formulas: one element of the weight w, its gradient g and its state -------------------------------------
// in_update(count) is the formula of that update.

struct SgdStep {
  float momentum, gradient_share;  // gradient_share = 1 - dampening
  int nesterov;
  int first = 0;
  __device__ __forceinline__ SgdStep in_update(float count) const {
    SgdStep s = *this;
    s.first = count == 1.0f;
    return s;
  }
  __device__ __forceinline__ void operator()(float& w, float g, float& m, float&, float rate, float decay) const {
    const float d = fmaf(decay, w, g);
    float update = d;
    if (momentum != 0.0f) {
      // The buffer counts for nothing in the first step: it may hold anything.
      m = first ? d : fmaf(momentum, m, gradient_share * d);
      update = nesterov ? fmaf(momentum, m, d) : m;
    }
    w = fmaf(-rate, update, w);
  }
};

struct AdamStep {
  float beta1, rest1, log_beta1, beta2, rest2, log_beta2, eps;
  int decoupled;
  float correction1 = 1;  // 1 / (1 - beta1^count)
  float root_scale = 1;   // 1 / sqrt(1 - beta2^count)
  // beta^count is so near to 1 at first that nothing would be left of the difference in float.
  __device__ __forceinline__ AdamStep in_update(float count) const {
    AdamStep s = *this;
    s.correction1 = 1.0f / -expm1f(count * log_beta1);
    s.root_scale = 1.0f / sqrtf(-expm1f(count * log_beta2));
    return s;
  }
  __device__ __forceinline__ void operator()(float& w, float g, float& m, float& v, float rate, float decay) const {
    const float d = decoupled ? g : fmaf(decay, w, g);
    m = fmaf(beta1, m, rest1 * d);
    v = fmaf(beta2, v, rest2 * d * d);
    const float update = rate * correction1 * m / fmaf(sqrtf(v), root_scale, eps);
    // The shrinking is subtracted, not multiplied: 1 - rate * decay would lose most of its digits in float.
    w = (decoupled ? fmaf(-rate * decay, w, w) : w) - update;
  }
};

struct RmspropStep {
  float alpha, rest, eps, momentum;
  __device__ __forceinline__ RmspropStep in_update(float) const { return *this; }
  __device__ __forceinline__ void operator()(float& w, float g, float& m, float& v, float rate, float decay) const {
    const float d = fmaf(decay, w, g);
    v = fmaf(alpha, v, rest * d * d);
    float update = d / (sqrtf(v) + eps);
    if (momentum != 0.0f) update = m = fmaf(momentum, m, update);
    w = fmaf(-rate, update, w);
  }
};

// The average is the parameter, the value the gradient.
struct EmaStep {
  float keep, rest;
  __device__ __forceinline__ EmaStep in_update(float) const { return *this; }
  __device__ __forceinline__ void operator()(float& w, float g, float&, float&, float, float) const {
    w = keep == 0.0f ? g : fmaf(keep, w, rest * g);  // 0 * NaN would stay NaN
  }
};

// ---- one pass over everything ------------------------------------------------------------------------------------

template <class T>
__device__ __forceinline__ bool rows_are_aligned(const MultiTensorRow<T>& r) {
  const auto all = reinterpret_cast<std::uintptr_t>(r.param) | reinterpret_cast<std::uintptr_t>(r.grad) |
                   reinterpret_cast<std::uintptr_t>(r.m) | reinterpret_cast<std::uintptr_t>(r.v);
  return all % 16 == 0;  // null is a multiple of everything
}

template <int V, class T, class Step>
__device__ __forceinline__ void step_vector(const MultiTensorRow<T>& r, std::int64_t i, const Step& step, float rate) {
  Vec<T, V> w = load<V>(r.param, i), m{}, v{};
  const Vec<T, V> g = load<V>(r.grad, i);
  if (r.m) m = load<V>(r.m, i);
  if (r.v) v = load<V>(r.v, i);
#pragma unroll
  for (int k = 0; k < V; ++k) {
    float weight = number(w.v[k]), first = number(m.v[k]), second = number(v.v[k]);
    step(weight, number(g.v[k]), first, second, rate, r.decay);
    w.v[k] = stored<T>(weight);
    m.v[k] = stored<T>(first);
    v.v[k] = stored<T>(second);
  }
  store<V>(r.param, i, w);
  if (r.m) store<V>(r.m, i, m);
  if (r.v) store<V>(r.v, i, v);
}

template <class T, class Step>
__global__ void __launch_bounds__(piece_threads)
    multi_tensor_step_kernel(const MultiTensorRow<T>* __restrict__ table, int rows, Step formula,
                             const double* __restrict__ lr_and_count, const float* __restrict__ norm) {
  if (norm && !isfinite(*norm)) return;
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  const Step step = lr_and_count ? formula.in_update(static_cast<float>(lr_and_count[1])) : formula;
  std::int64_t begin = 0;
  const MultiTensorRow<T> r = row_of_piece(table, rows, static_cast<std::int64_t>(blockIdx.x), begin);
  const float rate = lr_and_count ? static_cast<float>(r.lr_mult * lr_and_count[0]) : 0.0f;
  const std::int64_t end = min(begin + piece_size, r.n);
  const std::int64_t whole = rows_are_aligned(r) ? end / vector * vector : begin;
  for (std::int64_t i = begin / vector + threadIdx.x; i * vector < whole; i += piece_threads)
    step_vector<vector>(r, i, step, rate);
  for (std::int64_t i = whole + threadIdx.x; i < end; i += piece_threads) step_vector<1>(r, i, step, rate);
}

template <class T, class Step>
static void launch_step(Context& c, const PieceTable<MultiTensorRow<T>>& table, const Step& step, int arrays_moved, double flops,
                        const UpdateNumbers& now) {
  if (table.empty()) return;
  const Tensor rows = table.upload(c);
  const double n = static_cast<double>(table.elements());
  launch<multi_tensor_step_kernel<T, Step>>(c, {static_cast<unsigned>(table.pieces()), piece_threads},
                                            {n * arrays_moved * sizeof(T), n * flops},
                                            pointer<const MultiTensorRow<T>>(rows), table.rows(), step,
                                            pointer<const double>(now.lr_and_count),
                                            pointer<const float>(now.norm));
}

static void check_type(std::string_view op, const Tensor& t, DType dtype) {
  if (t.dtype() != dtype) throw UsageError("{}: {} is not of type {}", op, t.str(), name_of(dtype));
}
static void check_state(std::string_view op, const Tensor& state, const Tensor& param) {
  check_type(op, state, param.dtype());
  if (!same_layout(state, param))
    throw UsageError("{}: the state {} has another layout than its parameter {}", op, state.str(), param.str());
}

// `moved`: arrays read or written once each.
template <class Step>
static void update(Context& c, std::string_view op, const std::vector<OptimizerSlot>& slots, bool uses_m, bool uses_v,
                   const UpdateNumbers& now, const Step& step, double flops) {
  check_update(op, slots, uses_m, uses_v, now);
  if (slots.empty()) return;
  with_floating(op, slots[0].param, [&](auto sample) {
    using T = decltype(sample);
    PieceTable<MultiTensorRow<T>> table;
    std::vector<Tensor> grads;  // in the layout of their parameters
    for (const OptimizerSlot& s : slots) {
      check_type(op, s.param, slots[0].param.dtype());
      if (uses_m) check_state(op, s.m, s.param);
      if (uses_v) check_state(op, s.v, s.param);
      check_state(op, grads.emplace_back(in_layout_of(c, s.grad, s.param)), s.param);
      table.add({pointer<T>(s.param), pointer<const T>(grads.back()), uses_m ? pointer<T>(s.m) : nullptr,
                 uses_v ? pointer<T>(s.v) : nullptr, s.param.numel(), 0, s.lr_mult,
                 static_cast<float>(s.weight_decay)});
    }
    launch_step(c, table, step, 3 + 2 * uses_m + 2 * uses_v, flops, now);
  });
  for (const OptimizerSlot& s : slots) {
    mark_written(s.param);
    if (uses_m) mark_written(s.m);
    if (uses_v) mark_written(s.v);
  }
}

static float rounded(double v) { return static_cast<float>(v); }

void sgd_(Context& c, const std::vector<OptimizerSlot>& slots, const SgdParams& p, const UpdateNumbers& now) {
  const SgdStep step{rounded(p.momentum), rounded(1.0 - p.dampening), p.nesterov};
  update(c, "sgd_", slots, p.momentum != 0.0, false, now, step, 8);
}

void adam_(Context& c, const std::vector<OptimizerSlot>& slots, const AdamParams& p, const UpdateNumbers& now) {
  const AdamStep step{.beta1 = rounded(p.beta1),
                      .rest1 = rounded(1.0 - p.beta1),
                      .log_beta1 = rounded(std::log(p.beta1)),
                      .beta2 = rounded(p.beta2),
                      .rest2 = rounded(1.0 - p.beta2),
                      .log_beta2 = rounded(std::log(p.beta2)),
                      .eps = rounded(p.eps),
                      .decoupled = p.decoupled};
  update(c, "adam_", slots, true, true, now, step, 16);
}

void rmsprop_(Context& c, const std::vector<OptimizerSlot>& slots, const RmspropParams& p,
              const UpdateNumbers& now) {
  const RmspropStep step{rounded(p.alpha), rounded(1.0 - p.alpha), rounded(p.eps), rounded(p.momentum)};
  update(c, "rmsprop_", slots, p.momentum != 0.0, true, now, step, 12);
}

void ema_(Context& c, const std::vector<Tensor>& averages, const std::vector<Tensor>& values, double decay,
          const Tensor& norm) {
  check_ema(averages, values, norm);
  if (averages.empty()) return;
  with_floating("ema_", averages[0], [&](auto sample) {
    using T = decltype(sample);
    PieceTable<MultiTensorRow<T>> table;
    std::vector<Tensor> added;  // in the layout of their averages
    for (std::size_t i = 0; i < averages.size(); ++i) {
      check_type("ema_", averages[i], averages[0].dtype());
      check_state("ema_", added.emplace_back(in_layout_of(c, values[i], averages[i])), averages[i]);
      table.add({pointer<T>(averages[i]), pointer<const T>(added.back()), nullptr, nullptr, averages[i].numel(), 0, 0, 0});
    }
    launch_step(c, table, EmaStep{rounded(decay), rounded(1.0 - decay)}, 3, 3, {{}, norm});
  });
  for (const Tensor& t : averages) mark_written(t);
}

// ---- gradient norm ------------------------------------------------------------------------------------------------

// In double: even where that is slow (1/64 of float's rate), reading the gradients takes longer. A piece's sum has one
// place and one order.
template <class T>
__global__ void __launch_bounds__(piece_threads)
    sum_of_squares_kernel(const MultiTensorRow<T>* __restrict__ table, int rows, double* __restrict__ sums) {
  SHARED(double, warps, [piece_threads / 32]);
  std::int64_t begin = 0;
  const MultiTensorRow<T> r = row_of_piece(table, rows, static_cast<std::int64_t>(blockIdx.x), begin);
  const std::int64_t end = min(begin + piece_size, r.n);
  double sum = 0.0;
  for (std::int64_t i = begin + threadIdx.x; i < end; i += piece_threads) {
    const double g = static_cast<double>(number(r.grad[i]));
    sum += g * g;
  }
  for (int d = 16; d > 0; d /= 2) sum += __shfl_down_sync(0xFFFFFFFFu, sum, static_cast<unsigned>(d));
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    double total = 0.0;
    for (int w = 0; w < piece_threads / 32; ++w) total += warps[w];
    sums[blockIdx.x] = total;
  }
}

// One block adds the pieces' sums in a fixed order; norm and factor stay on the device.
template <class T>
__global__ void __launch_bounds__(piece_threads)
    norm_kernel(const double* __restrict__ sums, std::int64_t pieces, double max_norm,
                const float* __restrict__ loss_scale, T* __restrict__ norm, float* __restrict__ factor) {
  SHARED(double, partial, [piece_threads]);
  double sum = 0.0;
#pragma unroll 4
  for (std::int64_t i = threadIdx.x; i < pieces; i += piece_threads) sum += sums[i];
  partial[threadIdx.x] = sum;
  __syncthreads();
  for (unsigned half = piece_threads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    const double scale = loss_scale ? 1.0 / static_cast<double>(*loss_scale) : 1.0;
    const double length = scale * sqrt(partial[0]), share = max_norm / (length + 1e-6);
    *norm = stored<T>(static_cast<float>(length));
    // NaN compares false: gradients that are broken stay as they are, for the watch to see.
    *factor = static_cast<float>(share < 1.0 ? scale * share : scale);
  }
}

template <class T>
__global__ void __launch_bounds__(piece_threads)
    scale_all_kernel(const MultiTensorRow<T>* __restrict__ table, int rows, const float* __restrict__ factor) {
  const float by = *factor;
  if (by == 1.0f) return;
  std::int64_t begin = 0;
  const MultiTensorRow<T> r = row_of_piece(table, rows, static_cast<std::int64_t>(blockIdx.x), begin);
  const std::int64_t end = min(begin + piece_size, r.n);
  for (std::int64_t i = begin + threadIdx.x; i < end; i += piece_threads)
    r.param[i] = stored<T>(number(r.param[i]) * by);
}

Tensor clip_grad_norm_(Context& c, const std::vector<Tensor>& grads, double max_norm, const Tensor& loss_scale) {
  check_clip(grads, loss_scale);
  Tensor norm = empty(c, {}, grads[0].dtype());
  with_floating("clip_grad_norm_", grads[0], [&](auto sample) {
    using T = decltype(sample);
    PieceTable<MultiTensorRow<T>> table;
    for (const Tensor& g : grads) {
      if (g.dtype() != grads[0].dtype())
        throw UsageError("clip_grad_norm_: {} is not of type {}", g.str(), name_of(grads[0].dtype()));
      // Order within a tensor does not matter to a norm, so any layout will do.
      table.add({pointer<T>(g), pointer<const T>(g), nullptr, nullptr, g.numel(), 0, 0, 0});
    }
    const Tensor rows = table.upload(c), sums = empty(c, {table.pieces()}, DType::f64), factor = empty(c, {}, DType::f32);
    const auto* device_rows = pointer<const MultiTensorRow<T>>(rows);
    const LaunchShape pieces{static_cast<unsigned>(table.pieces()), piece_threads};
    const double bytes = static_cast<double>(table.elements()) * sizeof(T), n = static_cast<double>(table.elements());
    if (!table.empty())
      launch<sum_of_squares_kernel<T>>(c, pieces, {bytes, 2 * n}, device_rows, table.rows(), pointer<double>(sums));
    launch<norm_kernel<T>>(c, {1u, piece_threads}, {static_cast<double>(sums.bytes()), 0}, pointer<const double>(sums),
                           table.pieces(), max_norm, pointer<const float>(loss_scale), pointer<T>(norm),
                           pointer<float>(factor));
    if (!table.empty() && (std::isfinite(max_norm) || loss_scale.defined())) {
      launch<scale_all_kernel<T>>(c, pieces, {2 * bytes, n}, device_rows, table.rows(), pointer<const float>(factor));
      for (const Tensor& g : grads) mark_written(g);
    }
  });
  return norm;
}

}  // namespace engine::ENGINE_CUDA_NS

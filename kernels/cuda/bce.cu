#include "kernels/checks.h"
#include "kernels/cuda/block_sums.cuh"
#include "kernels/cuda/losses.h"
#include "kernels/cuda/map.cuh"

namespace engine::ENGINE_CUDA_NS {

__device__ __forceinline__ float softplus(float x) { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))); }

// Row-major operands, one entry at a time: the exponential and the logarithm of an entry outweigh its reading.
template <class T>
struct Entries {
  const T *logits, *target, *pos_weight;  // pos_weight: null is 1
  std::int64_t classes;

  __device__ __forceinline__ bool missing(std::int64_t i) const {
    return number(target[i]) == static_cast<float>(conventions::missing_label);
  }
  /// What the positive term is multiplied with.
  __device__ __forceinline__ float positive(std::int64_t i) const {
    return number(target[i]) * (pos_weight ? number(pos_weight[i % classes]) : 1.0f);
  }
  /// -w t log s(x) - (1 - t) log(1 - s(x)).
  __device__ __forceinline__ float loss(std::int64_t i) const {
    const float x = number(logits[i]);
    return positive(i) * softplus(-x) + (1.0f - number(target[i])) * softplus(x);
  }
  __device__ __forceinline__ float gradient(std::int64_t i) const {
    const float x = number(logits[i]), e = expf(-fabsf(x));
    const float large = 1.0f / (1.0f + e), small = e / (1.0f + e);  // 1 - s(x) would cancel
    return (1.0f - number(target[i])) * (x >= 0.0f ? large : small) - positive(i) * (x >= 0.0f ? small : large);
  }
};

template <class T>
static Entries<T> entries_of(const Tensor& logits, const Tensor& target, const Tensor& pos_weight) {
  return {pointer<const T>(logits), pointer<const T>(target), pointer<const T>(pos_weight), logits.dim(1)};
}

template <class T>
struct BceTerms {
  Entries<T> entries;
  __device__ __forceinline__ Weighted operator()(std::int64_t i) const {
    if (entries.missing(i)) return {0.0, 0.0};
    return {static_cast<double>(entries.loss(i)), 1.0};
  }
};
template <class T>
struct PresentTerms {
  Entries<T> entries;
  __device__ __forceinline__ Weighted operator()(std::int64_t i) const { return {0.0, entries.missing(i) ? 0.0 : 1.0}; }
};

template <class T>
__global__ void __launch_bounds__(256) bce_each_kernel(Entries<T> entries, T* __restrict__ loss, std::int64_t n) {
  for (std::int64_t i = global_thread(); i < n; i += global_threads())
    loss[i] = stored<T>(entries.missing(i) ? 0.0f : entries.loss(i));
}

template <class T>
__global__ void __launch_bounds__(256)
    bce_backward_kernel(Entries<T> entries, const T* __restrict__ dloss, bool one_each,
                        const double* __restrict__ divisor, T* __restrict__ dx, std::int64_t n) {
  const double by = divisor ? *divisor : 1.0;
  for (std::int64_t i = global_thread(); i < n; i += global_threads()) {
    const float g = static_cast<float>(static_cast<double>(number(dloss[one_each ? i : 0])) / by);
    dx[i] = stored<T>(entries.missing(i) ? 0.0f : g * entries.gradient(i));
  }
}

static void check_types(std::string_view op, const Tensor& logits, const Tensor& target, const Tensor& pos_weight,
                        const Tensor& dloss) {
  for (const Tensor& t : {target, pos_weight, dloss})
    if (t.defined() && t.dtype() != logits.dtype())
      throw UsageError("{}: {} and {} differ in type", op, logits.str(), t.str());
}

Tensor bce_with_logits(Context& c, const Tensor& logits, const Tensor& target, const Tensor& pos_weight,
                       const BceParams& p) {
  check_bce("bce_with_logits", logits, target, pos_weight);
  check_types("bce_with_logits", logits, target, pos_weight, {});
  const bool none = p.reduction == Reduction::none;
  Tensor loss = empty(c, none ? logits.shape() : Shape{}, logits.dtype());
  with_floating("bce_with_logits", logits, [&](auto sample) {
    using T = decltype(sample);
    const Entries<T> entries = entries_of<T>(logits, target, pos_weight);
    const std::int64_t n = logits.numel();
    const double read = static_cast<double>(logits.bytes() + target.bytes());
    if (!none)
      add_terms(c, n, read, BceTerms<T>{entries}, WriteLoss<T>{pointer<T>(loss), p.reduction == Reduction::mean, true});
    else if (n > 0)
      launch<bce_each_kernel<T>>(c, c.grid_stride(n),
                                 {read + static_cast<double>(loss.bytes()), 50.0 * static_cast<double>(n)}, entries,
                                 pointer<T>(loss), n);
  });
  return loss;
}

Tensor bce_with_logits_backward(Context& c, const Tensor& logits, const Tensor& target, const Tensor& pos_weight,
                                const Tensor& dloss, const BceParams& p) {
  constexpr std::string_view op = "bce_with_logits_backward";
  check_bce(op, logits, target, pos_weight);
  const bool none = p.reduction == Reduction::none;
  check_shape(op, "dloss", dloss, none ? logits.shape() : Shape{});
  check_types(op, logits, target, pos_weight, dloss);
  Tensor dx = empty(c, logits.shape(), logits.dtype());
  with_floating(op, logits, [&](auto sample) {
    using T = decltype(sample);
    const std::int64_t n = logits.numel();
    if (n == 0) return;
    const Entries<T> entries = entries_of<T>(logits, target, pos_weight);
    Tensor divisor;
    if (p.reduction == Reduction::mean) {
      divisor = empty(c, {}, DType::f64);
      add_terms(c, n, static_cast<double>(target.bytes()), PresentTerms<T>{entries},
                WriteDivisor{pointer<double>(divisor), true});
    }
    const Cost cost{static_cast<double>(logits.bytes() + target.bytes() + dloss.bytes() + dx.bytes()),
                    30.0 * static_cast<double>(n)};
    launch<bce_backward_kernel<T>>(c, c.grid_stride(n), cost, entries, pointer<const T>(dloss), none,
                                   pointer<const double>(divisor), pointer<T>(dx), n);
  });
  return dx;
}

}  // namespace engine::ENGINE_CUDA_NS

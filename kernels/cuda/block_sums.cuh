// Sums of many terms to one number, in double and in an order that depends on their number alone.
#pragma once

#include <algorithm>

#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// A term of a weighted mean, or their sum.
struct Weighted {
  double value, weight;
};

struct PartialSums {
  const Weighted* sums;
  __device__ __forceinline__ Weighted operator()(std::int64_t i) const { return sums[i]; }
};

/// Each block sums its share; the only one hands the total to `finish`.
template <class Terms, class Finish>
__global__ void __launch_bounds__(256) add_terms_kernel(Terms terms, std::int64_t n, Weighted* partial, Finish finish) {
  SHARED(Weighted, of_warp, [8]);
  double value = 0.0, weight = 0.0;
  for (std::int64_t i = global_thread(); i < n; i += global_threads()) {
    const Weighted t = terms(i);
    value += t.value;
    weight += t.weight;
  }
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) {
    value += __shfl_xor_sync(0xFFFFFFFFu, value, mask);
    weight += __shfl_xor_sync(0xFFFFFFFFu, weight, mask);
  }
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = {value, weight};
  __syncthreads();
  if (threadIdx.x > 0) return;
  Weighted total{0.0, 0.0};
#pragma unroll
  for (int w = 0; w < 8; ++w) {
    total.value += of_warp[w].value;
    total.weight += of_warp[w].weight;
  }
  if (gridDim.x == 1)
    finish(total);
  else
    partial[blockIdx.x] = total;
}

/// Calls finish(sum of terms(i) for i < n) on the device, also for n = 0; `bytes` is what all terms read. One block is
/// enough for a batch; more terms are shared by some blocks, and a second launch adds what they found.
template <class Terms, class Finish>
void add_terms(Context& c, std::int64_t n, double bytes, const Terms& terms, const Finish& finish) {
  const auto blocks = static_cast<unsigned>(std::clamp<std::int64_t>(n / 2048, 1, 256));
  const Cost cost{bytes, 2.0 * static_cast<double>(n)};
  if (blocks == 1) {
    launch<add_terms_kernel<Terms, Finish>>(c, {1, 256}, cost, terms, n, static_cast<Weighted*>(nullptr), finish);
    return;
  }
  const Tensor partial = empty(c, {blocks, 2}, DType::f64);
  launch<add_terms_kernel<Terms, Finish>>(c, {blocks, 256}, cost, terms, n, pointer<Weighted>(partial), finish);
  launch<add_terms_kernel<PartialSums, Finish>>(
      c, {1, 256}, {static_cast<double>(partial.bytes()), 2.0 * blocks}, PartialSums{pointer<const Weighted>(partial)},
      static_cast<std::int64_t>(blocks), static_cast<Weighted*>(nullptr), finish);
}

/// Writes a loss: the sum, or the mean.
template <class T>
struct WriteLoss {
  T* loss;
  bool mean, none_is_zero;  // none_is_zero: the mean of no terms is 0, not NaN
  __device__ __forceinline__ void operator()(const Weighted& total) const {
    const double divisor = !mean ? 1.0 : none_is_zero && total.weight == 0.0 ? 1.0 : total.weight;
    *loss = stored<T>(total.value / divisor);
  }
};

/// Writes what a mean divides by.
struct WriteDivisor {
  double* divisor;
  bool none_is_zero;
  __device__ __forceinline__ void operator()(const Weighted& total) const {
    *divisor = none_is_zero && total.weight == 0.0 ? 1.0 : total.weight;
  }
};

}  // namespace engine::ENGINE_CUDA_NS

// Long sums cut into parts, so that all of a device has something to do.
#pragma once

#include <algorithm>

#include "kernels/cuda/layout.h"
#include "kernels/cuda/map.cuh"

namespace engine::ENGINE_CUDA_NS {

/// y[i] = sum over the splits, in their order, of partial[split][i].
template <class T>
__global__ void __launch_bounds__(256)
    sum_splits_kernel(const float* __restrict__ partial, T* __restrict__ y, std::int64_t n, int splits) {
  for (std::int64_t i = global_thread(); i < n; i += global_threads()) {
    float sum = 0;
#pragma unroll 4
    for (int s = 0; s < splits; ++s) sum += partial[s * n + i];
    y[i] = stored<T>(sum);
  }
}

template <class T>
void sum_splits(Context& c, const Tensor& partial, T* y, std::int64_t n, int splits) {
  const Cost cost{static_cast<double>(partial.bytes()) + static_cast<double>(n) * sizeof(T),
                  static_cast<double>(partial.numel())};
  launch<sum_splits_kernel<T>>(c, c.grid_stride(n), cost, pointer<const float>(partial), y, n, splits);
}

/// Into how many parts to cut `length` so that `blocks` times as many blocks fill the device; each keeps `least`.
inline int splits_for(const Context& c, std::int64_t blocks, std::int64_t length, std::int64_t least) {
  const std::int64_t wanted = 2 * c.properties().multiprocessors / std::max<std::int64_t>(blocks, 1);
  return static_cast<int>(std::max<std::int64_t>(1, std::min({wanted, length / least, std::int64_t{128}})));
}

}  // namespace engine::ENGINE_CUDA_NS

#include "kernels/cuda/broadcast.h"

#include <algorithm>

namespace engine::ENGINE_CUDA_NS {

std::vector<std::int64_t> broadcast_strides(const Tensor& x, int rank) {
  const std::vector<std::int64_t> own = memory_strides(x);
  std::vector<std::int64_t> strides(static_cast<std::size_t>(rank), 0);
  for (int i = 1; i <= x.shape().rank(); ++i)
    if (x.shape()[-i] != 1) strides[static_cast<std::size_t>(rank - i)] = own[own.size() - static_cast<std::size_t>(i)];
  return strides;
}

BroadcastWalk broadcast_walk(const Tensor& like, const Tensor& a, const Tensor& b) {
  const int rank = like.shape().rank();
  const auto strides_a = broadcast_strides(a, rank), strides_b = broadcast_strides(b, rank);
  std::vector<std::size_t> order(static_cast<std::size_t>(rank));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = order.size() - 1 - i;
  if (channels_last(like)) order = {1, 3, 2, 0};
  BroadcastWalk w;
  for (const std::size_t d : order) {
    const std::int64_t extent = like.shape()[static_cast<int>(d)];
    if (extent == 1) continue;
    if (!w.extents.empty() && strides_a[d] == w.a.back() * w.extents.back() &&
        strides_b[d] == w.b.back() * w.extents.back()) {
      w.extents.back() *= extent;
    } else {
      w.extents.push_back(extent);
      w.a.push_back(strides_a[d]);
      w.b.push_back(strides_b[d]);
    }
  }
  if (w.extents.empty()) w = {{1}, {0}, {0}};
  return w;
}

}  // namespace engine::ENGINE_CUDA_NS

// Boxes of elements moved between places in memory: what all shape operations come down to.
#pragma once

#include <vector>

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// A place in a tensor's memory: the first element's address, and how far apart neighbours along each dimension lie
/// (in elements; 0 repeats, for sources).
struct StridedPlace {
  const Tensor& tensor;
  std::int64_t first = 0;
  std::vector<std::int64_t> strides;
};

/// to[i] = from[i] for every index i of a box of these extents. Elements of any type; both of one size. Writes are
/// coalesced along the dimension that is innermost in `to`; 16 bytes an access where both sides allow it.
void strided_copy(Context& c, const std::vector<std::int64_t>& extents, const StridedPlace& from,
                  const StridedPlace& to);

}  // namespace engine::ENGINE_CUDA_NS

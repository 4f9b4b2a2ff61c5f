// Moves elements of any type between two boxes in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tensor/dtype.h"

namespace engine::cpu {

/// For every index of a box with `extents`: to[sum index * to_strides] = from[sum index * from_strides]. Strides count
/// elements; a stride of 0 in `from` repeats its elements. `to` must not overlap itself or `from`.
void strided_copy(DType dtype, std::vector<std::int64_t> extents, const void* from,
                  std::vector<std::int64_t> from_strides, void* to, std::vector<std::int64_t> to_strides);

/// memcpy by all threads.
void parallel_copy(const void* from, void* to, std::int64_t bytes);

}  // namespace engine::cpu

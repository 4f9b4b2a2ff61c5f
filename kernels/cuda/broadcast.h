// How an operation walks over a result of which its operands repeat some dimensions.
#pragma once

#include <vector>

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// Extents of the result and strides of each operand (0 where it repeats), innermost dimension first. Dimensions of
/// extent 1 are gone, and neighbours that all operands pass without a jump are one. At least one dimension.
struct BroadcastWalk {
  std::vector<std::int64_t> extents, a, b;
};

/// Strides in x's memory along the dimensions of a result of this rank: 0 where x repeats.
std::vector<std::int64_t> broadcast_strides(const Tensor& x, int rank);

/// The walk over a result of `shape` in the memory order of `like`; a and b broadcast to it, each in its own layout.
BroadcastWalk broadcast_walk(const Tensor& like, const Tensor& a, const Tensor& b);

}  // namespace engine::ENGINE_CUDA_NS

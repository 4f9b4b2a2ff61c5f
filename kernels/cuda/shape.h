// Operations that only move elements, as ops.def declares them, for every element type. Results keep the (first)
// operand's layout; transpose and broadcast_to give plain ones.
#pragma once

#include <vector>

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

Tensor concat(Context& c, const std::vector<Tensor>& xs, int axis);
Tensor slice(Context& c, const Tensor& x, const std::vector<std::int64_t>& begin, const Shape& extent);
Tensor pad(Context& c, const Tensor& x, const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after,
           double value);
Tensor transpose(Context& c, const Tensor& x, const std::vector<int>& axes);
Tensor broadcast_to(Context& c, const Tensor& x, const Shape& shape);

}  // namespace engine::ENGINE_CUDA_NS

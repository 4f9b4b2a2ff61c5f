// Sums and means over any dimensions, as ops.def declares them. Sums are in double and in an order that depends on the
// shape alone. Where the rank stays, the result has x's layout.
#pragma once

#include <vector>

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

Tensor sum(Context& c, const Tensor& x, const std::vector<int>& axes, bool keep);
Tensor mean(Context& c, const Tensor& x, const std::vector<int>& axes, bool keep);
Tensor sum_to(Context& c, const Tensor& x, const Shape& shape);

}  // namespace engine::ENGINE_CUDA_NS

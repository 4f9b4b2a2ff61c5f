// Sums and means over any dimensions, as ops.def declares them. Where extent 1 stays, so does the layout of x.
#pragma once

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

Tensor sum(Context& c, const Tensor& x, const std::vector<int>& axes, bool keep);
Tensor mean(Context& c, const Tensor& x, const std::vector<int>& axes, bool keep);
Tensor sum_to(Context& c, const Tensor& x, const Shape& shape);

}  // namespace engine::ENGINE_CUDA_NS

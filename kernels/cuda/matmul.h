// Matrix product, as ops.def declares it.
#pragma once

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

Tensor matmul(Context& c, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b);

}  // namespace engine::ENGINE_CUDA_NS

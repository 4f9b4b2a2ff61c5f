// Eigenvalues and singular values by Jacobi's methods, as ops.def declares them.
#pragma once

#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

EighResult eigh(Context& c, const Tensor& a);
SvdResult svd(Context& c, const Tensor& a);

}  // namespace engine::ENGINE_CUDA_NS

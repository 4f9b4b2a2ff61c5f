// Covariances for similarity of representations, as ops.def declares them.
#pragma once

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

void accumulate_covariance_(Context& c, const Tensor& products, const Tensor& sums, const Tensor& x,
                            const Tensor& pivot);

}  // namespace engine::ENGINE_CUDA_NS

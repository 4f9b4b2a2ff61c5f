// Layer norm, as ops.def declares it. Rows are contiguous in plain layout: other layouts are converted, results are
// plain.
#pragma once

#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

LayerNormResult layer_norm(Context& c, const Tensor& x, const Tensor& weight, const Tensor& bias, int axes, double eps);
LayerNormGrads layer_norm_backward(Context& c, const Tensor& x, const Tensor& weight, const Tensor& mean,
                                   const Tensor& inv_std, const Tensor& dy, int axes);

}  // namespace engine::ENGINE_CUDA_NS

// Batch norm, as ops.def declares it. Results have the layout of x; other operands are converted to it.
#pragma once

#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

BatchNormResult batch_norm_train(Context& c, const Tensor& x, const Tensor& residual, const Tensor& weight,
                                 const Tensor& bias, const Tensor& running_mean, const Tensor& running_var,
                                 const BatchNormParams& p);
BatchNormGrads batch_norm_train_backward(Context& c, const Tensor& x, const Tensor& y, const Tensor& weight,
                                         const Tensor& mean, const Tensor& inv_std, const Tensor& shift,
                                         const Tensor& dy, const Tensor& more, bool need_residual, const BatchNormParams& p);
Tensor batch_norm_eval(Context& c, const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                       const Tensor& mean, const Tensor& var, const BatchNormParams& p);
BatchNormGrads batch_norm_eval_backward(Context& c, const Tensor& x, const Tensor& y, const Tensor& weight,
                                        const Tensor& bias, const Tensor& mean, const Tensor& var, const Tensor& dy,
                                        bool need_residual, const BatchNormParams& p);

}  // namespace engine::ENGINE_CUDA_NS

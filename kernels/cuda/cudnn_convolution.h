// Convolutions given to cuDNN, where it is there and has a plan; own kernels compute the others.
#pragma once

#include "kernels/cuda/cudnn_executor.h"
#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// Who runs convolutions on this device from now on; null, as at first: own kernels alone. Must outlive its use.
void set_cudnn(gpu::cudnn::Executor* executor);

/// False, and nothing done, where cuDNN does not compute it. All have channels-last memory, and one type but dw, which
/// is f32.
bool cudnn_forward(Context& c, const Tensor& x, const Tensor& w, const Tensor& y, const Conv2dParams& p);
bool cudnn_input_gradient(Context& c, const Tensor& w, const Tensor& dy, const Tensor& dx, const Conv2dParams& p);
bool cudnn_weight_gradient(Context& c, const Tensor& x, const Tensor& dy, const Tensor& dw, const Conv2dParams& p);

}  // namespace engine::ENGINE_CUDA_NS

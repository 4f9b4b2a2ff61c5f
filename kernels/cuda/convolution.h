// Convolution, as ops.def declares it: implicit GEMM on channels-last images, and direct kernels where each channel is
// a group of its own. Results are channels-last, gradients of weights in the layout of the weight.
#pragma once

#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

Tensor conv2d(Context& c, const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& p);
Conv2dGrads conv2d_backward(Context& c, const Tensor& x, const Tensor& w, const Tensor& dy, const Conv2dParams& p,
                            const Conv2dNeeds& needs);

}  // namespace engine::ENGINE_CUDA_NS

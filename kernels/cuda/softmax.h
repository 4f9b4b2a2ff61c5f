// Softmax and its logarithm along any dimension, as ops.def declares them. Layouts are kept.
#pragma once

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

Tensor softmax(Context& c, const Tensor& x, int axis);
Tensor softmax_backward(Context& c, const Tensor& y, const Tensor& dy, int axis);
Tensor log_softmax(Context& c, const Tensor& x, int axis);
Tensor log_softmax_backward(Context& c, const Tensor& y, const Tensor& dy, int axis);

}  // namespace engine::ENGINE_CUDA_NS

// Elementwise operations, as ops.def declares them. Layouts are kept: the result has the first operand's, and where two
// operands of one shape differ the second is converted.
#pragma once

#include "engine/tensor/philox.h"
#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

Tensor activation(Context& c, const Tensor& x, const ActivationParams& p);
Tensor activation_backward(Context& c, const Tensor& x, const Tensor& dy, const ActivationParams& p);
Tensor add(Context& c, const Tensor& a, const Tensor& b);
Tensor mul(Context& c, const Tensor& a, const Tensor& b);
Tensor scale(Context& c, const Tensor& x, double factor);
void accumulate_(Context& c, const Tensor& acc, const Tensor& x);
Tensor dropout(Context& c, const Tensor& x, double p, const RandomKey& key);

}  // namespace engine::ENGINE_CUDA_NS

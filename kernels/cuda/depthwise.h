// Convolutions whose channels are groups of their own: bound by memory, so that each thread gathers its results itself.
// x, y, dx and dy are channels-last, w and dw plain.
#pragma once

#include "kernels/cuda/conv_geometry.h"
#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

void depthwise_forward(Context& c, const ConvGeometry& g, const Tensor& x, const Tensor& w, const Tensor& bias,
                       const Tensor& y);
void depthwise_input_gradient(Context& c, const ConvGeometry& g, const Tensor& w, const Tensor& dy, const Tensor& dx);
void depthwise_weight_gradient(Context& c, const ConvGeometry& g, const Tensor& x, const Tensor& dy, const Tensor& dw);

}  // namespace engine::ENGINE_CUDA_NS

// Bilinear resizing, as ops.def declares it. Layouts are kept; what comes as one pixel becomes a channels-last map.
#pragma once

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

Tensor resize_bilinear(Context& c, const Tensor& x, std::int64_t height, std::int64_t width);
Tensor resize_bilinear_backward(Context& c, const Tensor& dy, const Shape& input);

}  // namespace engine::ENGINE_CUDA_NS

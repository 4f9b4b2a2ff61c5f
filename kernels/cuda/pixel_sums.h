// Sums over all pixels of each channel: global average pooling, and the gradient of a pixel resized to a map.
#pragma once

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// y [N, C, 1, 1] = sum of x [N, C, H, W] over its pixels / divisor, in x's type; x in either layout.
void sum_pixels(Context& c, const Tensor& x, double divisor, const Tensor& y);

}  // namespace engine::ENGINE_CUDA_NS

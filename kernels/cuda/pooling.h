// Pooling, as ops.def declares it. Layouts are kept; a gradient that comes as one pixel becomes a channels-last map.
#pragma once

#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

MaxPoolResult max_pool2d(Context& c, const Tensor& x, const Pool2dParams& p);
Tensor max_pool2d_backward(Context& c, const Tensor& dy, const Tensor& argmax, const Shape& input,
                           const Pool2dParams& p);
Tensor avg_pool2d(Context& c, const Tensor& x, const Pool2dParams& p);
Tensor avg_pool2d_backward(Context& c, const Tensor& dy, const Shape& input, const Pool2dParams& p);
Tensor adaptive_avg_pool2d(Context& c, const Tensor& x, std::int64_t height, std::int64_t width);
Tensor adaptive_avg_pool2d_backward(Context& c, const Tensor& dy, const Shape& input);

}  // namespace engine::ENGINE_CUDA_NS

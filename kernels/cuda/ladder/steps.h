// The steps of docs/ladder below the last one, which is the backend's own kernel. Each function computes what its
// operation does where the context's choice is such a step; else it returns false and does nothing. Operands have been
// checked; results are to be written in full.
#pragma once

#include "kernels/cuda/conv_geometry.h"
#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

struct ForwardStatistics;

/// y [m,n] = op(a) op(b).
bool matmul_step(Context& c, const Tensor& a, const Tensor& b, const Tensor& y, bool transpose_a, bool transpose_b);
/// x and y have channels-last memory, w is plain; bias may be undefined. Any groups.
bool conv2d_step(Context& c, const ConvGeometry& g, const Tensor& x, const Tensor& w, const Tensor& bias,
                 const Tensor& y);
/// y has the layout of x, as has the residual, if it is there.
bool batch_norm_step(Context& c, const Tensor& x, const Tensor& residual, const ForwardStatistics& statistics,
                     const Tensor& y, bool relu);

}  // namespace engine::ENGINE_CUDA_NS

// Decompositions given to cuSOLVER, where it is there; own kernels compute the others.
#pragma once

#include <optional>

#include "kernels/cuda/cusolver_decomposer.h"
#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

/// Who decomposes on this device from now on; null, as at first: own kernels. Must outlive its use.
void set_cusolver(gpu::cusolver::Decomposer* decomposer);

/// Nothing where cuSOLVER is not there. `a` is f32, plain and not empty; `factor` is a power of two that brings it to
/// numbers of order one (scale_of). Waits. Throws NumericError where it does not converge.
std::optional<EighResult> cusolver_eigh(Context& c, const Tensor& a, float factor);
std::optional<SvdResult> cusolver_svd(Context& c, const Tensor& a, float factor);

}  // namespace engine::ENGINE_CUDA_NS

// Matrix product, as ops.def declares it.
#pragma once

#include "kernels/cuda/cublas_multiplier.h"
#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// Who computes products on this device from now on, where it can; null, as at first: own kernels alone. Must outlive
/// its use.
void set_cublas(gpu::cublas::Multiplier* multiplier);

/// `strict`: f32 factors are taken as they are, whatever --tf32 allows.
Tensor matmul(Context& c, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b, bool strict = false);

}  // namespace engine::ENGINE_CUDA_NS

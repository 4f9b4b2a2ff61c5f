// The CUDA backend behind the seam: each operation of ops.def is a free function of one of the families in this folder.
#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/context.h"

namespace engine::cuda_emulated {

/// Makes device `cuda-emulated` available: the CUDA kernels' own source, run on the CPU and checked. Slow on purpose.
void register_cuda_backend();
/// The device's one context; made when first asked for.
gpu::Context& device_context();

}  // namespace engine::cuda_emulated

/// The same for device `cuda`, the first GPU; only in builds with a CUDA toolkit. Both throw DeviceError saying why where
/// there is none.
namespace engine::cuda {

void register_cuda_backend();
gpu::Context& device_context();

}  // namespace engine::cuda

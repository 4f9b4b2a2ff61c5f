// The CUDA backend behind the seam: each operation of ops.def is a free function of one of the families in this folder.
#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/context.h"
#include "kernels/cuda/provider.h"

namespace engine::gpu {

/// Who computes, and how, on device `cuda`. What a library has no way for, own kernels compute.
struct CudaOptions {
  bool tf32 = false;          ///< libraries may round f32 factors to 10 bits for tensor cores; own kernels never do
  Provider convolutions{};    ///< cuDNN
  Provider products{};        ///< cuBLAS
  Provider decompositions{};  ///< cuSOLVER
};

}  // namespace engine::gpu

namespace engine::cuda_emulated {

/// Makes device `cuda-emulated` available: the CUDA kernels' own source, run on the CPU and checked. Slow on purpose.
void register_cuda_backend();
/// The device's one context; made when first asked for.
gpu::Context& device_context();

}  // namespace engine::cuda_emulated

/// The same for device `cuda`, the first GPU; only in builds with a CUDA toolkit. Both throw DeviceError saying why
/// where there is none.
namespace engine::cuda {

/// Options count at the first call.
void register_cuda_backend(const gpu::CudaOptions& options = {});
gpu::Context& device_context();

}  // namespace engine::cuda

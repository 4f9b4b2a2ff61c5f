// The built-in variables of the thread that runs now.
#pragma once

#include "kernels/cuda_on_cpu/vector_types.h"

namespace engine::emulator::language {

// Named as CUDA names them. Plain globals: one launch runs at a time.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

}  // namespace engine::emulator::language

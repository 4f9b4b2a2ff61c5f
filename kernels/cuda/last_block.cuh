// The block that comes last finishes what all blocks began: no second launch, and no block waits for another.
#pragma once

#include "kernels/cuda/language.cuh"

namespace engine::ENGINE_CUDA_NS {

/// Whether this block is the last of `blocks` that call this with one counter; it then sees what the others wrote before
/// they called. All threads of a block call it, and get the same answer. The counter (Context::counters) is 0 before the
/// first and again after the last. What was written must not be read through a pointer to const __restrict__.
__device__ __forceinline__ bool last_of_blocks(unsigned* counter, int blocks) {
  SHARED(int, last, [1]);
  __syncthreads();  // the fence speaks for all threads that it knows to have written
  if (threadIdx.x == 0 && threadIdx.y == 0) {
    __threadfence();
    last[0] = blocks == 1 || atomicInc(counter, static_cast<unsigned>(blocks) - 1) + 1 == static_cast<unsigned>(blocks);
    __threadfence();
  }
  __syncthreads();
  return last[0] != 0;
}

}  // namespace engine::ENGINE_CUDA_NS

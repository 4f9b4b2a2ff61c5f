// The CUDA language for a host compiler: what kernels/cuda/language.cuh includes where nvcc is not the compiler.
// Kernels see the names of engine::emulator::language. What cannot be seen on a CPU: speed, occupancy, coalescing, bank
// conflicts, what ptxas made of it, contraction to fused multiply-adds and approximate functions, weak memory order
// between blocks.
#pragma once

#include "kernels/cuda_on_cpu/atomics.h"
#include "kernels/cuda_on_cpu/builtins.h"
#include "kernels/cuda_on_cpu/intrinsics.h"
#include "kernels/cuda_on_cpu/kernel_call.h"
#include "kernels/cuda_on_cpu/shared_memory.h"
#include "kernels/cuda_on_cpu/synchronization.h"
#include "kernels/cuda_on_cpu/vector_types.h"

// Not inlined into the loop over threads, which is compiled without race mode's callbacks.
#define __global__ __attribute__((noinline))
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#ifndef __restrict__
#define __restrict__ __restrict
#endif

/// SHARED(float, tile, [32][33]); is __shared__ float tile[32][33];
#define SHARED(T, name, ...)                                                                                     \
  using name##_shared_type = T __VA_ARGS__;                                                                      \
  static ::engine::emulator::SharedSite name##_site;                                                             \
  name##_shared_type& name = *static_cast<name##_shared_type*>(::engine::emulator::shared_memory().variable(     \
      name##_site, sizeof(name##_shared_type), alignof(name##_shared_type), #name))
/// SHARED_DYNAMIC(float, scratch); is the launch's dynamic shared memory as an array of float.
#define SHARED_DYNAMIC(T, name) T* name = static_cast<T*>(::engine::emulator::shared_memory().dynamic())

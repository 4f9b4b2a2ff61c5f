// The CUDA language and the one way to launch a kernel: the only header about CUDA that kernel files include.
//
// Rules for kernels, so that the emulated device can run and check them (tests/architecture/test_kernel_rules.cpp):
//  - launch<kernel>(...) only; shared memory through SHARED and SHARED_DYNAMIC; external linkage
//  - every thread of a block reaches every __syncthreads, at one place in the text; before one all return or none
//  - warp operations are _sync with exactly the lanes that call them; blocks of a multiple of 32 threads where they
//    are used; __syncwarp wherever lanes exchange through memory (a shuffle does not order it)
//  - no waiting for other blocks; what another block of the launch wrote is read by the last one only (last_block.cuh)
//  - parameters by value, trivially copyable; no constant memory, textures, device-side malloc or printf
//  - several elements at once only by load and store (numbers.cuh), which see where an address is no multiple
//  - inline PTX and matrix instructions only inside a function that has a host twin
//  - fmaf where a fused multiply-add is meant: only nvcc fuses by itself
#pragma once

#include "kernels/cuda/context.h"
#include "kernels/cuda/namespace.h"

#ifdef __CUDACC__

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define SHARED(T, name, ...) __shared__ T name __VA_ARGS__
#define SHARED_DYNAMIC(T, name)                                                 \
  extern __shared__ __align__(16) unsigned char engine_dynamic_shared_memory[]; \
  T* name = reinterpret_cast<T*>(engine_dynamic_shared_memory)

namespace engine::ENGINE_CUDA_NS {

using namespace gpu;

/// Throws DeviceError if the launch just made was refused.
void check_launch(const char* pretty_function);
/// Lets a kernel have more than 48 KB of dynamic shared memory.
void allow_shared(const void* kernel, std::size_t bytes, const char* pretty_function);

/// Queues kernel<<<...>>>(arguments...) on the compute stream.
template <auto Kernel, class... A>
void launch(Context& c, const LaunchShape& shape, const Cost& cost, const A&... arguments) {
  if (c.observer) c.observer->launched(__PRETTY_FUNCTION__, shape, cost);
  if (shape.large_shared) allow_shared(reinterpret_cast<const void*>(Kernel), shape.dynamic_shared, __PRETTY_FUNCTION__);
  const Dim3 g = shape.grid, b = shape.block;
  Kernel<<<dim3(g.x, g.y, g.z), dim3(b.x, b.y, b.z), shape.dynamic_shared,
           static_cast<cudaStream_t>(c.compute().handle)>>>(arguments...);
  check_launch(__PRETTY_FUNCTION__);
}

}  // namespace engine::ENGINE_CUDA_NS

#else

#include "kernels/cuda_on_cpu/cuda_language.h"
#include "kernels/cuda_on_cpu/stream_queue.h"

namespace engine::ENGINE_CUDA_NS {

using namespace gpu;
using namespace emulator::language;

template <auto Kernel, class... A>
void launch(Context& c, const LaunchShape& shape, const Cost& cost, const A&... arguments) {
  if (c.observer) c.observer->launched(__PRETTY_FUNCTION__, shape, cost);
  emulator::KernelLaunch l = emulator::KernelCall<decltype(Kernel)>::template make<Kernel>(arguments...);
  l.name = kernel_name(__PRETTY_FUNCTION__);
  l.grid = {shape.grid.x, shape.grid.y, shape.grid.z};
  l.block = {shape.block.x, shape.block.y, shape.block.z};
  l.dynamic_shared = shape.dynamic_shared;
  l.large_shared = shape.large_shared;
  emulator::queue_launch(c.compute(), std::move(l));
}

}  // namespace engine::ENGINE_CUDA_NS

#endif

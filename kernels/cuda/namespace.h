// The same sources make two devices: nvcc compiles them for `cuda`, the host compiler for `cuda-emulated`. Each build
// has a namespace of its own, so that one program can hold both.
#pragma once

// Host files (.cpp) of the nvcc build get the name from CMake.
#ifndef ENGINE_CUDA_NS
#ifdef __CUDACC__
#define ENGINE_CUDA_NS cuda
#else
#define ENGINE_CUDA_NS cuda_emulated
#endif
#endif

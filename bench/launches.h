// What a training step asks of a GPU, counted without one: kernel launches, bytes they declare, operations.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/step.h"

namespace engine::bench {

struct Gpu {
  std::string_view name;
  int multiprocessors, threads_per_multiprocessor;
  double bytes_per_second;
  double f32_flops, half_flops;  ///< dense; 16 bits with f32 accumulation
};
/// Data sheets: H100 SXM (NVIDIA H100 Tensor Core GPU data sheet) and GeForce RTX 4090 (Ada architecture white paper).
inline constexpr Gpu gpus[] = {{"H100 SXM", 132, 2048, 3.35e12, 67e12, 989e12}, {"RTX 4090", 128, 1536, 1.008e12, 82.6e12, 165.2e12}};

struct OpLaunches {
  std::string op;
  std::int64_t calls = 0, launches = 0;
  double bytes = 0, flops = 0;
  double seconds[std::size(gpus)] = {};  ///< no launch can be faster: max(bytes / bandwidth, flops / peak), summed
};

struct KernelLaunches {
  std::string op, kernel;  ///< without template arguments
  std::int64_t launches = 0;
  double bytes = 0, flops = 0;
};

struct StepLaunches {
  std::vector<OpLaunches> ops;          ///< most bytes first
  std::vector<KernelLaunches> kernels;  ///< by operation and name
  OpLaunches total;
  std::size_t peak_tensor_bytes = 0;
};

/// One step on device cuda-emulated, as large as the first of `gpus`, with the kernels left out: whatever the sizes, it
/// takes about a second. What is computed is meaningless; only what would be launched is looked at.
StepLaunches count_launches(StepOptions options);

}  // namespace engine::bench

// What a device could do at best, known before anything is timed: the denominators of "% of limit".
#pragma once

#include "kernels/backend.h"

namespace engine::bench {

struct MachineLimits {
  /// A GPU's data sheet; else the best of reading, writing and adding what no cache holds.
  double bytes_per_second = 0;
  bool data_sheet = false;      ///< which of the two
  double cache_bytes = 0;       ///< what operands and results may be left in while the clock runs; 0: unknown
  double flops_per_second = 0;  ///< of a large matrix product through the same backend
  /// What the f32 units do: a GPU's at their highest clock, a CPU's as measured. 0 where they are no bound: in 16 bits,
  /// for tensor cores.
  double peak_flops_per_second = 0;
};
MachineLimits measure_limits(Device device, DType dtype);
/// The higher of each, where a neighbour may have slowed one of the measurements.
MachineLimits best_of(const MachineLimits& a, const MachineLimits& b);

/// f32 zeros that take a cache's former content out of it when they are overwritten: 192 MiB, or more where the caches
/// are larger.
Tensor cache_filler(Device device);

}  // namespace engine::bench

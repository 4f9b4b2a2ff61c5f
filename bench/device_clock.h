// Times and costs of what a device is given: a GPU is asked itself, other devices are watched from the host.
#pragma once

#include <functional>
#include <string>

#include "engine/tensor/dtype.h"

namespace engine::bench {

/// Seconds that the work given by f takes: between two events of the compute stream on a CUDA device, so that the
/// host's time to launch shows only where the device has to wait for it; else from call to end.
double seconds_of(Device device, const std::function<void()>& f);

/// What the kernels launched by f declare that they must move and compute; zero launches on other devices than CUDA's.
struct DeclaredCost {
  int launches = 0;
  double bytes = 0, flops = 0;
};
DeclaredCost declared_cost(Device device, const std::function<void()>& f);

/// Of the memory by a GPU's data sheet, and of the cache in front of it; 0 where unknown.
struct MemoryPeak {
  double bytes_per_second = 0, cache_bytes = 0;
};
MemoryPeak memory_peak(Device device);

/// f32 operations a second: two for each unit and clock, a GPU's tensor cores left out; of a CPU, as measured now. 0
/// where unknown.
double f32_peak(Device device);

/// "NVIDIA H100, 132 multiprocessors at 1980 MHz, CUDA 13.0" for the head of a table; the name alone elsewhere.
std::string device_words(Device device);

}  // namespace engine::bench

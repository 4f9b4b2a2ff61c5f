// Device cuda-emulated as something to count with.
#pragma once

#include "kernels/cuda_on_cpu/launch.h"
#include "kernels/cuda_on_cpu/runtime_emulated.h"

namespace engine::bench {

/// As large as the card it is given, and without running kernels, for as long as it lives: whatever the sizes, launches
/// are there at once. What is computed is meaningless; only what would be launched can be looked at.
class KernelsLeftOut {
 public:
  KernelsLeftOut(int multiprocessors, int threads_per_multiprocessor);
  ~KernelsLeftOut();
  KernelsLeftOut(const KernelsLeftOut&) = delete;
  KernelsLeftOut& operator=(const KernelsLeftOut&) = delete;

 private:
  emulator::DeviceSize size_;
  emulator::LaunchHook former_;
};

}  // namespace engine::bench

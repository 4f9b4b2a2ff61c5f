// GPUs as cuDNN describes them to itself, from their data sheets: plans can be made for them on any machine.
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/cudnn_plan.h"

namespace engine::test {

struct DeviceSheet {
  std::string name;
  int capability;  ///< 80 is compute capability 8.0
  int multiprocessors;
  int large_shared_bytes, reserved_shared_bytes;  ///< of a block, after opting in; of them, the driver's
  int blocks, threads;                            ///< that a multiprocessor holds
  std::int64_t memory_bytes, cache_bytes;
  int clock_khz, memory_clock_khz;

  gpu::cudnn::DeviceChoice choice() const;
};

/// T4, A100, RTX4090, H100, B200.
const std::vector<DeviceSheet>& device_sheets();
const DeviceSheet& device_sheet(const std::string& name);

}  // namespace engine::test

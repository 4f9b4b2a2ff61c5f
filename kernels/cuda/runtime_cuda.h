// The driver's side of runtime.h. Only there in builds with a CUDA toolkit.
#pragma once

#include <string>

#include "kernels/cuda/runtime.h"

namespace engine::cuda {

/// Why no GPU can be asked for; empty where there is a driver. The driver is not started.
std::string why_no_driver();
/// Why there is no usable GPU: no driver, no device, one that this binary has no code for; empty if there is one.
/// Costs nothing on a machine without a driver.
std::string why_no_device();

/// Of device 0. Throws DeviceError with the reason where there is none.
gpu::Runtime& cuda_runtime();

}  // namespace engine::cuda

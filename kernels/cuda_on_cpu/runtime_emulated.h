// The stand-in for the CUDA runtime. One device; threads may share it, one call runs at a time.
//
// Streams: see stream_queue.h. The work of different streams runs in the order in which it is waited for, so a missing
// event shows in one order or the other. Memory given back to the caching allocator ends, and begins again with its
// next owner, in the order of the compute stream: a kernel still queued sees its operands alive. A fault drops all
// queued work and is thrown by the call that waited.
#pragma once

#include "kernels/cuda/runtime.h"

namespace engine::emulator {

gpu::Runtime& emulated_runtime();

/// How large the device says it is, while an object of this lives: what launches look like on another one. Kernels that
/// run take longer for it.
class DeviceSize {
 public:
  DeviceSize(int multiprocessors, int threads_per_multiprocessor);
  ~DeviceSize();
  DeviceSize(const DeviceSize&) = delete;
  DeviceSize& operator=(const DeviceSize&) = delete;

 private:
  int multiprocessors_, threads_;  // before
};

}  // namespace engine::emulator

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

}  // namespace engine::emulator

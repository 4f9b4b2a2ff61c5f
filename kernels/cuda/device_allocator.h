// The device's memory as the caching allocator wants it.
#pragma once

#include <memory>

#include "engine/tensor/allocator.h"
#include "kernels/cuda/runtime.h"

namespace engine::gpu {

/// Blocks are reused as soon as the host gives them back, though queued work may still use them: the next owner's work
/// is queued behind it on the one compute stream.
std::unique_ptr<RawMemory> make_device_memory(Runtime& runtime);

}  // namespace engine::gpu

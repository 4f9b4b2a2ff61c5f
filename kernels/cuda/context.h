// What every operation of the CUDA backend is given: the device, its streams, how to allocate and copy.
#pragma once

#include <memory>

#include "engine/tensor/tensor.h"
#include "kernels/cuda/kernel_choice.h"
#include "kernels/cuda/launch_shape.h"
#include "kernels/cuda/runtime.h"

namespace engine::gpu {

class Recorder;
class Staging;

class Context {
 public:
  /// `device` is cuda or cuda_emulated; registers its allocator. The runtime outlives the context, and the context
  /// every tensor of the device.
  Context(Runtime& runtime, Device device);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Runtime& runtime() const { return runtime_; }
  Device device() const { return device_; }
  const DeviceProperties& properties() const { return runtime_.properties(); }
  /// Where kernels run. Memory of tensors is reused in the order of this stream: whoever touches a tensor on another
  /// one must keep it alive until this stream waits for that.
  Stream compute() const { return compute_; }
  void synchronize() const { runtime_.synchronize(compute_); }

  /// Uninitialised tensor in plain layout.
  Tensor empty(const Shape& shape, DType dtype) const { return Tensor(shape, dtype, device_); }
  /// Copies host memory to the device, on the compute stream; `from` may be reused at once. Recorded work copies what
  /// was there when it was recorded.
  void upload(void* to, const void* from, std::size_t bytes);
  /// Copies to the host and waits for it.
  void download(void* to, const void* from, std::size_t bytes);

  /// `n` counters at zero for kernels that leave them so (last_block.cuh). The same ones each time: kernels of the
  /// compute stream run one after another.
  unsigned* counters(std::int64_t n) const;

  /// One-dimensional grid for a grid-stride loop: enough blocks for `items` (at `per_thread` a thread), but no more
  /// than the device can run at once. At least one.
  LaunchShape grid_stride(std::int64_t items, int per_thread = 1, unsigned block = 256) const;

  /// Which kernels compute what has several.
  KernelChoice kernels;
  /// Null: nobody watches.
  LaunchObserver* observer = nullptr;
  /// Null: work runs. Otherwise it is being written down (recording.h).
  Recorder* recorder = nullptr;

 private:
  Runtime& runtime_;
  Device device_;
  Stream compute_;
  std::unique_ptr<Staging> staging_;
  unsigned* counters_;
};

/// The context of a CUDA device that was registered; null for other devices.
Context* context_of(Device device);

}  // namespace engine::gpu

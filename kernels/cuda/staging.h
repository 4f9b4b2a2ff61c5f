// Page-locked buffers through which host memory goes to the device without the host waiting.
#pragma once

#include <array>
#include <memory>

#include "kernels/cuda/runtime.h"

namespace engine::gpu {

class Staging {
 public:
  explicit Staging(Runtime& runtime) : runtime_(runtime) {}
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// Queues a copy to the device; `from` may be reused at once. Waits only when all buffers are in use.
  void upload(void* to, const void* from, std::size_t bytes, Stream stream);

 private:
  struct Buffer {
    void* memory = nullptr;
    std::unique_ptr<Event> emptied;
  };
  Runtime& runtime_;
  std::array<Buffer, 4> buffers_;  // used in turn
  std::size_t next_ = 0;
};

}  // namespace engine::gpu

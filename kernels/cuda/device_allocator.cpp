#include "kernels/cuda/device_allocator.h"

namespace engine::gpu {
namespace {

class DeviceMemory final : public RawMemory {
 public:
  explicit DeviceMemory(Runtime& runtime) : runtime_(runtime) {}
  void* allocate(std::size_t bytes) override { return runtime_.allocate(bytes, Lending::in_blocks); }
  void deallocate(void* p, std::size_t) noexcept override { runtime_.free(p); }
  void handed_out(void* p, std::size_t bytes) noexcept override { runtime_.block_begins(p, bytes); }
  void given_back(void* p, std::size_t bytes) noexcept override { runtime_.block_ends(p, bytes); }
  std::size_t gap() const override { return runtime_.block_gap(); }

 private:
  Runtime& runtime_;
};

}  // namespace

std::unique_ptr<RawMemory> make_device_memory(Runtime& runtime) { return std::make_unique<DeviceMemory>(runtime); }

}  // namespace engine::gpu

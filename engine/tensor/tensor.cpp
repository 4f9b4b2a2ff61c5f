#include "engine/tensor/tensor.h"

#include <array>
#include <atomic>

#include "engine/tensor/allocator.h"

namespace engine {
namespace {

std::uint64_t next_storage_id() {
  static std::atomic<std::uint64_t> counter{1};
  return counter.fetch_add(1, std::memory_order_relaxed);
}

std::array<std::atomic<CachingAllocator*>, device_count>& registered_allocators() {
  static std::array<std::atomic<CachingAllocator*>, device_count> table{};
  return table;
}

}  // namespace

Storage::Storage(CachingAllocator& allocator, std::size_t bytes)
    : allocator_(allocator), data_(allocator.allocate(bytes)), bytes_(bytes), id_(next_storage_id()) {}

Storage::~Storage() { allocator_.deallocate(data_); }

Tensor::Tensor(Shape shape, DType dtype, Device device)
    : shape_(std::move(shape)),
      numel_(shape_.numel()),
      dtype_(dtype),
      device_(device),
      storage_(std::make_shared<Storage>(allocator_of(device), bytes())) {}

Tensor::Tensor(Shape shape, DType dtype, Device device, std::shared_ptr<Storage> storage,
               std::shared_ptr<const Layout> layout)
    : shape_(std::move(shape)),
      numel_(shape_.numel()),
      dtype_(dtype),
      device_(device),
      storage_(std::move(storage)),
      layout_(std::move(layout)) {}

Tensor Tensor::reshaped(Shape shape) const {
  if (!plain()) throw UsageError("reshape of {}: needs a plain layout", str());
  if (shape.numel() != numel_)
    throw UsageError("reshape of {} to {}: {} elements against {}", str(), shape.str(), numel_, shape.numel());
  Tensor t = *this;
  t.shape_ = std::move(shape);
  return t;
}

std::string Tensor::str() const {
  if (!defined()) return "undefined";
  return fmt::format("{}{} {}{}{}", name_of(dtype_), shape_.str(), name_of(device_), plain() ? "" : " ",
                     plain() ? "" : layout_->name());
}

CachingAllocator& allocator_of(Device device) {
  if (auto* a = registered_allocators()[static_cast<std::size_t>(device)].load()) return *a;
  if (device == Device::cuda || device == Device::cuda_emulated)
    throw DeviceError("device {}: no backend has been loaded for it", name_of(device));
  return host_allocator();
}

void register_allocator(Device device, CachingAllocator* allocator) {
  registered_allocators()[static_cast<std::size_t>(device)] = allocator;
}

}  // namespace engine

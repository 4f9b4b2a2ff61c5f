#include "kernels/cuda_on_cpu/device_memory.h"

#include <fmt/core.h>
#include <sys/mman.h>

#include <cstring>
#include <new>

#include "kernels/cuda_on_cpu/poison.h"

namespace engine::emulator {
namespace {

constexpr std::size_t page = 4096;

std::uintptr_t number(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

}  // namespace

DeviceMemory& device_memory() {
  static auto* m = new DeviceMemory;
  return *m;
}

void* DeviceMemory::allocate(std::size_t bytes, gpu::Lending lending) {
  const std::size_t mapped = (bytes + 2 * page) / page * page;  // at least one page behind the last byte
  void* p = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  segments_[number(p)] = {mapped};
  poison(p, mapped);
  if (lending == gpu::Lending::whole) begin_object(p, bytes);
  return p;
}

void DeviceMemory::free(void* p) {
  const auto it = segments_.find(number(p));
  if (it == segments_.end()) return;
  const std::size_t bytes = it->second.bytes;
  objects_.erase(objects_.lower_bound(number(p)), objects_.lower_bound(number(p) + bytes));
  unpoison(p, bytes);
  munmap(p, bytes);
  segments_.erase(it);
}

// Recorded work that runs again begins objects where those of its last run still are.
void DeviceMemory::begin_object(void* p, std::size_t bytes) {
  for (auto it = objects_.upper_bound(number(p) + bytes - 1); it != objects_.begin();) {
    --it;
    if (it->second.end <= number(p)) break;
    poison(reinterpret_cast<void*>(it->second.begin), it->second.end - it->second.begin);
    it = objects_.erase(it);
  }
  unpoison(p, bytes);
  std::memset(p, 0xFF, bytes);
  objects_[number(p)] = {number(p), number(p) + bytes};
}

void DeviceMemory::end_object(void* p) {
  const auto it = objects_.find(number(p));
  if (it == objects_.end()) return;
  poison(p, it->second.end - it->second.begin);
  objects_.erase(it);
}

DeviceMemory::Range DeviceMemory::object_with(std::uintptr_t address, std::size_t bytes) const {
  auto it = objects_.upper_bound(address);
  if (it == objects_.begin()) return {};
  --it;
  return it->second.holds(address, bytes) ? it->second : Range{};
}

std::string DeviceMemory::describe(std::uintptr_t address) const {
  auto segment = segments_.upper_bound(address);
  if (segment == segments_.begin() || address >= std::prev(segment)->first + std::prev(segment)->second.bytes)
    return fmt::format("{:#x} is not device memory", address);
  auto it = objects_.upper_bound(address);
  if (it == objects_.begin()) return fmt::format("{:#x} belongs to no object", address);
  const Range r = std::prev(it)->second;
  return fmt::format("{:#x} is {} bytes into an object of {} bytes", address, address - r.begin, r.end - r.begin);
}

}  // namespace engine::emulator

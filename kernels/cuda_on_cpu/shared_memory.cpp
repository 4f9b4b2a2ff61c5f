#include "kernels/cuda_on_cpu/shared_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "kernels/cuda_on_cpu/checker.h"
#include "kernels/cuda_on_cpu/options.h"
#include "kernels/cuda_on_cpu/poison.h"
#include "kernels/cuda_on_cpu/scheduler.h"

namespace engine::emulator {
namespace {

constexpr std::size_t arena_bytes = 512 * 1024, red_zone = 64;

}  // namespace

SharedMemory& shared_memory() {
  static auto* m = new SharedMemory;
  return *m;
}

SharedMemory::SharedMemory() {
  void* p = mmap(nullptr, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  arena_ = static_cast<char*>(p);
  poison(arena_, arena_bytes);
  checker::shared_arena(arena_, arena_ + arena_bytes);
}

void SharedMemory::begin_block(const KernelLaunch& launch) {
  poison(arena_, used_);
  ++block_;
  used_ = bytes_ = 0;
  limit_ = launch.large_shared ? large_shared_limit : shared_limit;
  dynamic_ = launch.dynamic_shared ? take(launch.dynamic_shared, 16, "dynamic shared memory") : nullptr;
}

void* SharedMemory::dynamic() {
  if (!dynamic_) scheduler().fail("uses dynamic shared memory, but the launch gave 0 bytes");
  return dynamic_;
}

void* SharedMemory::variable(SharedSite& site, std::size_t bytes, std::size_t alignment, const char* name) {
  if (site.block == block_) return site.address;
  site.address = take(bytes, std::max<std::size_t>(alignment, 16), name);
  site.block = block_;
  return site.address;
}

char* SharedMemory::take(std::size_t bytes, std::size_t alignment, const char* name) {
  bytes_ += bytes;
  if (bytes_ > limit_)
    scheduler().fail(fmt::format("needs {} bytes of shared memory with '{}', the limit is {}", bytes_, name, limit_));
  const std::size_t at = (used_ + red_zone + alignment - 1) / alignment * alignment;
  used_ = std::min(arena_bytes, (at + bytes + red_zone + 7) / 8 * 8);
  if (at + bytes > arena_bytes) scheduler().fail(fmt::format("has too many shared variables at '{}'", name));
  char* p = arena_ + at;
  unpoison(p, bytes);
  checker::shared_variable(p, p + bytes);
  std::memset(p, 0xFF, bytes);
  return p;
}

}  // namespace engine::emulator

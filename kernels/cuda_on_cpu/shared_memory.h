// Shared memory of the block that runs: an arena in which each variable is made at its first use in the block, filled
// with 0xFF (NaN as float), between red zones that AddressSanitizer and race mode see.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda_on_cpu/launch.h"

namespace engine::emulator {

/// One per SHARED declaration and template instantiation: where its variable is in the current block.
struct SharedSite {
  std::uint64_t block = 0;
  void* address = nullptr;
};

class SharedMemory {
 public:
  SharedMemory();
  /// Forgets the last block's variables and makes the dynamic one.
  void begin_block(const KernelLaunch& launch);
  /// The variable of a declaration; fails the launch beyond the limit.
  void* variable(SharedSite& site, std::size_t bytes, std::size_t alignment, const char* name);
  /// Fails the launch when it asked for none.
  void* dynamic();

 private:
  char* take(std::size_t bytes, std::size_t alignment, const char* name);

  char* arena_;
  std::size_t used_ = 0;   // of the arena, red zones included
  std::size_t bytes_ = 0;  // in variables
  std::size_t limit_ = 0;
  std::uint64_t block_ = 0;  // counts all blocks ever run
  void* dynamic_ = nullptr;
};

SharedMemory& shared_memory();

}  // namespace engine::emulator

// Shared by the tests of memory.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <map>
#include <new>

#include "engine/tensor/allocator.h"

namespace engine::test {

inline constexpr std::size_t mib = std::size_t{1} << 20;

/// What the system under an allocator was asked for. Lives longer than the allocator.
struct MemoryLog {
  std::map<void*, std::size_t> held;
  int requests = 0;
  int extensions = 0;
  int wrong_returns = 0;                      ///< given back with another size, or never taken
  std::size_t budget = std::size_t{1} << 40;  ///< more than this at once is refused
  std::size_t room = 0;                       ///< as far as a range can grow in place
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& [p, n] : held) sum += n;
    return sum;
  }
};

/// Raw memory that writes down what happens to it and runs out on demand.
class LoggedMemory final : public RawMemory {
 public:
  explicit LoggedMemory(MemoryLog& log) : log_(log) {}
  void* allocate(std::size_t bytes) override {
    ++log_.requests;
    if (log_.bytes() + bytes > log_.budget) throw std::bad_alloc();
    void* p = std::aligned_alloc(64, (std::max(bytes, log_.room) + 63) / 64 * 64);
    if (!p) throw std::bad_alloc();
    log_.held[p] = bytes;
    return p;
  }
  void* extend(void* end, std::size_t bytes) override {
    for (auto& [p, held] : log_.held) {
      if (static_cast<char*>(p) + held != end) continue;
      if (held + bytes > log_.room || log_.bytes() + bytes > log_.budget) return nullptr;
      held += bytes;
      ++log_.extensions;
      return end;
    }
    return nullptr;
  }
  void deallocate(void* p, std::size_t bytes) noexcept override {
    const auto it = log_.held.find(p);
    if (it == log_.held.end() || it->second != bytes) {
      ++log_.wrong_returns;
      return;
    }
    log_.held.erase(it);
    std::free(p);
  }

 private:
  MemoryLog& log_;
};

}  // namespace engine::test

// The emulated device's memory: ordinary host memory, of which each live object is known, filled with 0xFF (NaN as
// float) when it begins and fenced off from its neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "kernels/cuda/runtime.h"

namespace engine::emulator {

class DeviceMemory {
 public:
  void* allocate(std::size_t bytes, gpu::Lending lending);
  void free(void* p);

  void begin_object(void* p, std::size_t bytes);
  void end_object(void* p);

  struct Range {
    std::uintptr_t begin = 0, end = 0;
    bool holds(std::uintptr_t address, std::size_t bytes) const { return address >= begin && address + bytes <= end; }
  };
  /// The object that holds all these bytes; an empty range if there is none.
  Range object_with(std::uintptr_t address, std::size_t bytes) const;
  /// "4 bytes behind an object of 124 bytes", "not device memory".
  std::string describe(std::uintptr_t address) const;

 private:
  struct Segment {
    std::size_t bytes = 0;
  };
  std::map<std::uintptr_t, Segment> segments_;
  std::map<std::uintptr_t, Range> objects_;
};

DeviceMemory& device_memory();

}  // namespace engine::emulator

// What a launch looks like from outside: its shape, what it must move and compute, who may watch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace engine::gpu {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr Dim3() = default;
  constexpr Dim3(unsigned x_, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct LaunchShape {
  Dim3 grid, block;
  std::size_t dynamic_shared = 0;  ///< bytes
  bool large_shared = false;       ///< opts in to more than 48 KB of shared memory
};

/// What no implementation of the kernel can do without: bytes read and written once each, and arithmetic operations
/// (a fused multiply-add is two). time >= max(bytes / bandwidth, flops / peak) is the limit that bench/ compares with.
struct Cost {
  double bytes = 0, flops = 0;
};

/// Sees each launch as it is queued. `pretty_function` names the kernel; kernel_name() cuts it out.
class LaunchObserver {
 public:
  virtual ~LaunchObserver() = default;
  virtual void launched(std::string_view pretty_function, const LaunchShape& shape, const Cost& cost) = 0;
};

/// The kernel's name with template arguments, from launch's __PRETTY_FUNCTION__.
std::string_view kernel_name(std::string_view pretty_function);

}  // namespace engine::gpu

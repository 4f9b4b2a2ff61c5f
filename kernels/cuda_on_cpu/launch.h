// A kernel launch as data, and the hook that sees each of them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cuda_on_cpu/vector_types.h"

namespace engine::emulator {

using language::dim3;
using language::uint3;

struct KernelLaunch {
  std::string_view name;         ///< with template arguments, without parameters
  const void* kernel = nullptr;  ///< address of the host function; symbol_of() gives its mangled name
  dim3 grid, block;
  std::size_t dynamic_shared = 0;  ///< bytes
  bool large_shared = false;       ///< opted in to more than 48 KB

  /// Copies of the arguments, converted to the kernel's parameter types and owned by the launch.
  std::shared_ptr<void> storage;
  std::size_t storage_bytes = 0;
  std::vector<void*> arguments;             ///< address of each, as cuLaunchKernel takes them
  std::vector<std::size_t> argument_bytes;  ///< size of each
  void (*run_threads)(void* storage) = nullptr;  ///< calls the kernel for one thread after the other
};

/// Sees each launch when its turn in the stream has come. Returns true when it has run the kernel itself (on the
/// same memory: device pointers are host addresses here), false to have it run as usual. This is how another
/// executor, of PTX say, is compared with the kernels' own source: by symbol, on every launch of a whole test suite.
using LaunchHook = bool (*)(const KernelLaunch& launch);
/// Installs a hook (null: none) and returns the one before. Not while work is queued.
LaunchHook set_launch_hook(LaunchHook hook);

/// Mangled name of a function of this program, from its symbol table; empty where it was stripped.
std::string symbol_of(const void* function);

/// Runs a launch now. Throws KernelFault, and UsageError for a shape that no GPU takes.
void run(const KernelLaunch& launch);

}  // namespace engine::emulator

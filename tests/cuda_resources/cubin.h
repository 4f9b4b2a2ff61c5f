// What kernels take of a GPU, read from the machine code in a library. nvcc stores that as ELF files (cubins) inside of
// its objects; the toolkit's own reader, cuobjdump, is not part of every installation.
#pragma once

#include <string>
#include <vector>

namespace engine::test {

struct KernelResources {
  std::string kernel;  ///< without namespace and template arguments
  int architecture;    ///< 80 is sm_80
  int threads;         ///< most of a block, from __launch_bounds__; 0: not said
  int registers;       ///< of a thread
  int shared;          ///< bytes of static shared memory of a block
  int stack;           ///< bytes of a thread: spilled registers, local arrays
};

/// Every instance of every kernel in a library or object. Throws FileError if it cannot be read or holds none.
std::vector<KernelResources> read_resources(const std::string& path);

}  // namespace engine::test

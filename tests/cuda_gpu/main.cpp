// The tests of the CUDA backend on a GPU; says so where there is none.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "kernels/cuda/runtime_cuda.h"

int main(int argc, char** argv) {
  const std::string reason = engine::cuda::why_no_device();
  if (!reason.empty()) {
    std::printf("SKIPPED %s\n", reason.c_str());
    return 0;
  }
  return doctest::Context(argc, argv).run();
}

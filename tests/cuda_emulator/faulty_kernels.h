// Kernels with one deliberate fault each, and what should see it.
#pragma once

#include <vector>

#include "kernels/cuda/context.h"

namespace engine::test {

struct Fault {
  const char* name;
  /// Queues the kernel on y, f32[64] filled with zeros.
  void (*queue)(gpu::Context& c, const Tensor& y);
  // What the message holds in each mode; "NaN" where the result holds one instead; "" where the fault goes unseen;
  // null where anything may happen.
  const char *plain, *asan, *race;
};

const std::vector<Fault>& faults();

}  // namespace engine::test

// Operations whose kernels stand in the tree step by step, from the first that is right to the one that is used
// (docs/ladder): which steps there are, and which one a device takes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace engine::gpu {

/// The number of a step of each ladder; 0: what is best here, a library where the machine has one.
struct KernelChoice {
  int matmul = 0, batch_norm = 0, conv2d = 0;
};

/// Whose step it is.
using KernelStep = int KernelChoice::*;

struct LadderStep {
  std::string_view name, idea;  ///< idea: what it does that the step before does not, in one line
};

struct Ladder {
  std::string_view name;                ///< as --kernel says it
  std::string_view op;                  ///< of ops.def, and of its conformance case; only its forward pass has steps
  std::string_view library;             ///< who may compute it instead: a key of Backend::libraries(); empty: nobody
  KernelStep choice;
  std::vector<LadderStep> steps;        ///< the first is number 1; the last is our kernel for all sizes, its choice too
};
const std::vector<Ladder>& ladders();
/// Null where the operation has none.
const Ladder* ladder_of(std::string_view op);

/// Does what "NAME=N" says. Throws UsageError, with all names and steps, where there is no such step.
void choose_kernel(KernelChoice& choice, std::string_view text);

}  // namespace engine::gpu

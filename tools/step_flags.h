// What the verbs that take a training step apart ask for.
#pragma once

#include <string>

#include "bench/step.h"
#include "tools/verb.h"

namespace engine::tools {

struct StepFlags {
  bench::StepOptions step;
  std::string input = "3x224x224", precision = "f32";

  /// `step` with the input's shape and the precision in it. Throws UsageError.
  bench::StepOptions options() const;
};
/// --model, --classes, --batch, --input, --precision, --recompute.
void add_step_flags(CLI::App& app, StepFlags& flags);

}  // namespace engine::tools

// Whole training steps of one device beside another's, and beside its own.
#pragma once

#include <string>

#include "bench/step.h"

namespace engine::bench {

struct StepCheck {
  int steps = 0;
  double worst = 0;       ///< largest relative difference of a loss
  bool same_bits = true;  ///< a second run, without a recording, gave the same losses
  bool ok() const { return same_bits && worst <= bound; }
  /// Losses of few steps with a small rate: roundings have not grown to anything yet.
  static constexpr double bound = 1e-3;
};

/// Trains options.steps steps on options.device, twice, the second time without a recording, and on `oracle`.
StepCheck check_steps(StepOptions options, Device oracle);

}  // namespace engine::bench

// Whole training steps of one device beside another's, and beside its own.
#pragma once

#include <string>

#include "bench/step.h"

namespace engine::bench {

struct StepCheck {
  int steps = 0;
  DType precision = DType::f32;
  double loss = 0;        ///< largest difference of a loss, over the loss or the first one
  double weights = 0;     ///< how far apart a parameter's numbers end, over how far they moved; of the worst parameter
  bool same_bits = true;  ///< a second run, without a recording, gave the same losses and weights
  bool ok() const { return same_bits && loss <= loss_bound() && weights <= weights_bound(); }
  /// Few steps with a small rate, away from ReLU's corner: roundings have not grown to much yet. Weights are then off by
  /// far less than they moved, which is what a missing or a wrong gradient comes to.
  double loss_bound() const { return precision == DType::f32 ? 2e-3 : 5e-2; }
  double weights_bound() const { return precision == DType::f32 ? 0.01 : 0.8; }
};

/// Trains options.steps steps on options.device, twice, the second time without a recording, and in f32 on `oracle`.
StepCheck check_steps(StepOptions options, Device oracle);

}  // namespace engine::bench

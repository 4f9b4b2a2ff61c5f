// The training step that `bench step` times and `bench launches` counts.
#pragma once

#include <memory>
#include <vector>

#include "bench/step.h"
#include "engine/train/training_step.h"
#include "models/registry.h"

namespace engine::bench {

/// A network, a batch of random pictures and SGD with momentum.
class Training {
 public:
  explicit Training(const StepOptions& o);
  /// Forward, cross-entropy, backward, norm, update; waits for all of it. Returns the loss.
  double step();
  /// The numbers of each parameter.
  std::vector<std::vector<double>> weights();
  /// Multiply-accumulates of the forward pass of the batch.
  std::int64_t macs();

 private:
  std::unique_ptr<models::Classifier> model_;
  Optimizer optimizer_;
  TrainingStep step_;
  Tensor images_, labels_;
};

}  // namespace engine::bench

// Compares the steps of a running training with another device: how a new backend earns trust on real data.
#pragma once

#include <memory>
#include <string>

#include "engine/train/batch_feed.h"
#include "engine/train/loss.h"
#include "engine/train/model_setup.h"

namespace engine {

/// What one step showed. Relative errors; of gradients, the norm of the difference over the norm, all parameters
/// together and for the worst of those that carry at least a thousandth of the whole.
struct StepDifference {
  double loss = 0.0, gradients = 0.0, worst = 0.0;
  std::string worst_parameter;

  /// Loss and gradients off by no more than `tolerance`, and the worst parameter by ten times as much: a value that
  /// passed ReLU's corner weighs more in one layer than in all. False where one is NaN.
  bool within(double tolerance) const {
    return loss <= tolerance && gradients <= tolerance && worst <= 10.0 * tolerance;
  }
};

/// How far steps may be apart: rounding, and activations at the corner of a ReLU that it throws to the other side.
double step_tolerance(DType precision, bool tf32);

class BackendCheck {
 public:
  /// Keeps a second network of the run's kind on `other`, in f32. `model` must have its trainable parameters chosen.
  BackendCheck(const TrainConfig& config, const ModelSetup& setup, const Dataset& train, Device other);

  /// Takes the weights of `model`, which has made forward and backward of `batch` with `loss` and has not been updated
  /// since, and does the same on the other device. Gradients are those of the plain loss. Dropout drops the same.
  StepDifference compare(nn::Module& model, const DeviceBatch& batch, double loss, std::uint64_t step);

 private:
  const TrainConfig& config_;
  Task task_;
  Device other_;
  std::unique_ptr<models::Classifier> twin_;
  LossFunction loss_;
};

}  // namespace engine

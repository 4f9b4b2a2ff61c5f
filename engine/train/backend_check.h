// Compares the steps of a running training with another device: how a new backend earns trust on real data.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "engine/train/batch_feed.h"
#include "engine/train/loss.h"
#include "engine/train/model_setup.h"

namespace engine {

/// How far steps may be apart, relative.
struct StepTolerance {
  double loss, gradients;
  double worst() const { return std::min(5.0 * gradients, 0.9); }  ///< of a single parameter
};
/// Of losses: rounding. Gradients feel each activation that rounding throws across the corner of a ReLU as well: a few
/// per cent in a ResNet-50 on a small batch, more in one layer than in all. One that is missing is off by 1.
StepTolerance step_tolerance(DType precision, bool tf32);

/// What one step showed. Relative errors; of gradients, the norm of the difference over the norm, all parameters
/// together and for the worst of those that carry at least a thousandth of the whole.
struct StepDifference {
  double loss = 0.0, gradients = 0.0, worst = 0.0;
  std::string worst_parameter;

  /// False where one is NaN.
  bool within(const StepTolerance& t) const {
    return loss <= t.loss && gradients <= t.gradients && worst <= t.worst();
  }
};

class BackendCheck {
 public:
  /// Keeps a second network of the run's kind on `other`, in f32. `model` must have its trainable parameters chosen.
  BackendCheck(const TrainConfig& config, const ModelSetup& setup, const Dataset& train, Device other);

  /// Takes the weights of `model`, which has made forward and backward of `batch` with `loss` and has not been updated
  /// since, and does the same on the other device. Its gradients are those of loss * loss_scale. Dropout drops the same.
  StepDifference compare(nn::Module& model, const DeviceBatch& batch, double loss, double loss_scale,
                         std::uint64_t step);

 private:
  const TrainConfig& config_;
  Task task_;
  Device other_;
  std::unique_ptr<models::Classifier> twin_;
  LossFunction loss_;
};

}  // namespace engine

// The loss of a batch, as the data's task and the configuration ask for.
#pragma once

#include "engine/autograd/variable.h"
#include "engine/data/dataset.h"
#include "engine/train/config.h"

namespace engine {

/// Softmax cross-entropy for one class a picture, binary cross-entropy per label otherwise.
class LossFunction {
 public:
  /// Class weights and positive weights are counted on `train`. Throws UsageError for options that do not fit the task.
  LossFunction(const TrainConfig& config, const Dataset& train, Device device);
  /// logits [N, C]; labels i64 [N] or targets f32 [N, C], as make_target() gives them. Mean over what counts.
  Variable operator()(const Variable& logits, const Tensor& target) const;

 private:
  Task task_;
  double label_smoothing_;
  Tensor weight_;  ///< of classes or of positives; undefined: 1
};

}  // namespace engine

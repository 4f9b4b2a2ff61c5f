// One step of training: forward, backward, norm of the gradients, update of the weights and of their average. Where the
// device can, all of it is written down once and run again: the host then gives one order a step instead of hundreds
// (a CUDA graph).
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "engine/optim/ema.h"
#include "engine/optim/optimizer.h"
#include "kernels/backend.h"

namespace engine {

class TrainingStep {
 public:
  /// Scores f32 [N, C] and the target -> mean loss.
  using Loss = std::function<Variable(const Variable& scores, const Tensor& target)>;
  struct Result {
    Tensor scores, loss;  ///< f32 [N, C] and scalar
    Tensor norm;          ///< of the gradients, before they are clipped; undefined where nothing has one
  };
  struct Options {
    DType precision = DType::f32;  ///< of activations; weights are f32
    double max_norm = std::numeric_limits<double>::infinity();  ///< gradients are clipped to it
    bool record = false;  ///< allows a recording where shapes repeat; results have the same bits with it and without
    /// Sees scores and loss of each step before its update, when the parameters hold the gradients of loss * loss_scale.
    /// May wait for the device. A recording then has two parts.
    std::function<void(const Result&)> inspect;
  };

  /// Model, optimizer and average (may be null) outlive the step.
  TrainingStep(nn::Module& model, Loss loss, Optimizer& optimizer, Ema* average, Options options);
  ~TrainingStep();

  /// images f32 [N, C, H, W] and target, both in plain layout. Queues a step with the optimizer's learning rate; results
  /// stand until the next one. Where the norm is not finite the weights stay as they were (a loss that is not, beside
  /// gradients that are, does not hold them back: such a run has no use for them); else the caller tells the optimizer that
  /// it did_step(). loss_scale is 1 but for f16; `random_step` is that of nn::set_random_step. A second
  /// batch of the first one's shape is recorded; other shapes, and steps that somebody observes, run as they come.
  Result operator()(const Tensor& images, const Tensor& target, double loss_scale, std::uint64_t random_step);

  bool recorded() const { return recorded_ != nullptr; }
  /// Gives the recording and its memory back; the next batch of its shape is recorded anew.
  void forget();

 private:
  struct Recorded;
  Result forward_and_backward(const Tensor& images, const Tensor& target, const Tensor& loss_scale);
  void update(Result& result, const Tensor& loss_scale);
  Result run(const Tensor& images, const Tensor& target, const Tensor& loss_scale);
  void record(const Tensor& images, const Tensor& target);
  Result replay(const Tensor& images, const Tensor& target, double loss_scale, std::uint64_t random_step);

  nn::Module& model_;
  Loss loss_;
  Optimizer& optimizer_;
  Ema* average_;
  Options options_;
  Shape seen_;  // of the last images
  std::unique_ptr<Recorded> recorded_;
};

}  // namespace engine

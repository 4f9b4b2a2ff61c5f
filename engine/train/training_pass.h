// Forward and backward over one batch. Where the device can, they are written down once and run again: the host then
// gives one order a step instead of hundreds (a CUDA graph).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/nn/module.h"
#include "kernels/backend.h"

namespace engine {

class TrainingPass {
 public:
  /// Scores f32 [N, C] and the target -> mean loss.
  using Loss = std::function<Variable(const Variable& scores, const Tensor& target)>;
  struct Result {
    Tensor scores, loss;  ///< f32 [N, C] and scalar, until the next pass
  };

  /// Activations are of type `precision`. `record` allows a recording where shapes repeat; results have the same bits
  /// with it and without. The model outlives the pass.
  TrainingPass(nn::Module& model, Loss loss, DType precision, bool record);
  ~TrainingPass();

  /// images f32 [N, C, H, W] and target, both in plain layout. Leaves the gradients of loss * loss_scale in the
  /// parameters, which have none before; `random_step` is that of nn::set_random_step. A second batch of the first one's shape is
  /// recorded; other shapes, and passes that somebody observes, run as they come.
  Result operator()(const Tensor& images, const Tensor& target, double loss_scale, std::uint64_t random_step);
  /// Runs it as it comes.
  Result run(const Tensor& images, const Tensor& target, const Tensor& seed);

  bool recorded() const { return recorded_ != nullptr; }
  /// Gives the recording and its memory back; the next batch of its shape is recorded anew.
  void forget();

 private:
  struct Recorded;
  void record(const Tensor& images, const Tensor& target);
  Result replay(const Tensor& images, const Tensor& target, double loss_scale, std::uint64_t random_step);

  nn::Module& model_;
  Loss loss_;
  DType precision_;
  bool record_;
  Shape seen_;  // of the last images
  std::unique_ptr<Recorded> recorded_;
};

}  // namespace engine

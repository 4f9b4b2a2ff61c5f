// Exponential moving average of a model's weights (Polyak and Juditsky 1992, in timm's and torchvision's form).
#pragma once

#include <vector>

#include "engine/nn/module.h"
#include "engine/optim/named_tensor.h"

namespace engine {

/// average = decay * average + (1 - decay) * weight after every step, starting from the weights; buffers (running
/// statistics) are copied as they are. Two operations, whatever the number of layers.
class Ema {
 public:
  /// The model outlives this object and stays on its device. Throws UsageError unless 0 <= decay < 1.
  Ema(nn::Module& model, double decay);
  /// After an update of the weights. Where `norm` (scalar f32, may be undefined) is not finite, they were not updated,
  /// and the averages stay as they were.
  void update(const Tensor& norm = {});
  double decay() const { return decay_; }

  /// "ema.NAME" for every parameter and buffer, shared with this object.
  std::vector<NamedTensor> state() const;

  /// While it lives the model computes with the averages. Gradients are dropped; do not train meanwhile.
  class SwapIn {
   public:
    explicit SwapIn(Ema& ema) : ema_(ema) { ema_.swap(); }
    ~SwapIn() { ema_.swap(); }
    SwapIn(const SwapIn&) = delete;
    SwapIn& operator=(const SwapIn&) = delete;

   private:
    Ema& ema_;
  };

 private:
  void swap();

  nn::Module& model_;
  double decay_;
  std::vector<Tensor> parameters_, buffers_;
};

}  // namespace engine

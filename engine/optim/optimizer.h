// Optimisers: torch.optim's formulas, one backend call for all parameters.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/nn/module.h"

namespace engine::optim {

struct OptimizerConfig {
  std::string kind = "sgd";  ///< sgd, adam, adamw, rmsprop
  double momentum = 0.9;     ///< sgd, rmsprop
  double dampening = 0.0;    ///< sgd
  bool nesterov = false;     ///< sgd
  double beta1 = 0.9, beta2 = 0.999;  ///< adam, adamw
  double alpha = 0.99;                ///< rmsprop
  double eps = 1e-8;                  ///< adam, adamw, rmsprop
  double weight_decay = 0.0;
  bool decay_norm_and_bias = false;   ///< torch.optim's default is true; most recipes want false
  std::vector<std::pair<std::string, double>> lr_multipliers;  ///< regex on names -> factor; the last match wins
};

/// What happens to one parameter in a step, for the table that a run prints before it starts.
struct ParameterPlan {
  std::string name;
  Shape shape;
  bool trainable = true;
  double lr_multiplier = 1.0;
  double weight_decay = 0.0;
};

class Optimizer {
 public:
  /// Takes the parameters that are trainable now. Throws UsageError for an unknown kind, a regex that matches nothing,
  /// or numbers outside their range.
  Optimizer(nn::Module& model, const OptimizerConfig& config);

  /// One update with rate `lr` (times each parameter's multiplier); parameters without a gradient stay as they are.
  void step(double lr);
  void clear_gradients();
  /// Scales all gradients to a joint L2 norm of at most max_norm; returns the norm before (device scalar).
  Tensor clip_gradients(double max_norm);
  const std::vector<ParameterPlan>& plan() const { return plan_; }

  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t n) { steps_ = n; }
  /// State tensors by name, "m.<parameter>" and "v.<parameter>": what a checkpoint holds, and what loading writes into.
  std::vector<std::pair<std::string, Tensor>> state() const;

 private:
  struct Entry {
    nn::Parameter* parameter;
    Tensor m, v;
    double lr_multiplier, weight_decay;
  };
  OptimizerConfig config_;
  std::vector<Entry> entries_;
  std::vector<ParameterPlan> plan_;
  std::int64_t steps_ = 0;
};

/// Exponential moving average of the weights; buffers are taken over as they are.
class Ema {
 public:
  Ema(nn::Module& model, double decay);
  /// averages = decay * averages + (1 - decay) * weights.
  void update();
  /// Exchanges the model's weights and the averages: once before an evaluation, once after.
  void swap();
  /// "ema.<parameter>".
  std::vector<std::pair<std::string, Tensor>> state() const;

 private:
  std::vector<nn::Parameter*> parameters_;
  std::vector<Tensor> averages_;
  double decay_;
};

}  // namespace engine::optim

// Optimisers over parameter groups. Formulas and attribute names are torch.optim's; the arithmetic is one multi-tensor
// operation of the backend (kernels/ops.def: sgd_, adam_, rmsprop_).
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

#include "engine/nn/module.h"
#include "engine/optim/named_tensor.h"
#include "kernels/types.h"

namespace engine {

enum class OptimizerKind : std::uint8_t { sgd, adam, adamw, rmsprop };
/// "sgd", "adam", "adamw", "rmsprop"; throws UsageError with the nearest name.
OptimizerKind parse_optimizer(std::string_view name);
std::string_view name_of(OptimizerKind k);
const std::vector<std::string>& optimizer_names();

/// What the parameters whose path matches `regex` do differently.
struct GroupRule {
  std::string regex;                   ///< ECMAScript, found anywhere in the path
  std::optional<double> lr_mult;       ///< times the schedule's rate, instead of 1
  std::optional<double> weight_decay;  ///< instead of the optimiser's
};

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::sgd;
  double lr = 0.1;
  double weight_decay = 0.0;
  bool decay_norm_and_bias = false;  ///< torchvision and timm leave norm weights and biases alone, PyTorch decays all
  double momentum = 0.0, dampening = 0.0;
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double alpha = 0.99;            ///< RMSprop's smoothing
  std::vector<GroupRule> groups;  ///< of several that match a parameter the last wins
};
nlohmann::json to_json(const OptimizerOptions& o);

/// What will happen to one parameter.
struct ParameterPlan {
  std::string name;
  Shape shape;
  bool trainable = true;
  double lr_mult = 1.0, weight_decay = 0.0;
};

class Optimizer {
 public:
  /// Parameters that are not trainable are left alone. Their owner keeps them alive and does not change which are
  /// trainable afterwards. Throws UsageError for a malformed option, or a group that matches nothing.
  Optimizer(std::vector<nn::Parameter*> parameters, const OptimizerOptions& options);

  /// The rate of the next step, before the groups' multipliers.
  void set_lr(double lr) { options_.lr = lr; }
  double lr() const { return options_.lr; }
  /// Updates each trainable parameter that has a gradient: set_numbers(), update(), did_step().
  void step();
  /// What the next update is to find on the device: learning rate and steps() + 1.
  void set_numbers();
  /// Queues the update, with the numbers that stand on the device when it runs; a recording holds it as it is. Where
  /// `norm` (f32 scalar, may be undefined) is not finite it changes nothing, and did_step() is not for calling.
  void update(const Tensor& norm = {});
  /// Counts an update.
  void did_step() { ++steps_; }
  void clear_grads();
  /// Steps taken so far.
  std::int64_t steps() const { return steps_; }

  /// All parameters, in the model's order.
  std::vector<ParameterPlan> plan() const;
  /// The table of plan() at the present rate: name, shape, trainable, lr, weight decay.
  std::string plan_table() const;
  /// Moments, shared with the optimiser: "optim.m.NAME" and "optim.v.NAME". Whoever loads a checkpoint copies into them.
  std::vector<NamedTensor> state() const;
  nlohmann::json scalars() const { return {{"steps", steps_}}; }
  void load_scalars(const nlohmann::json& j) { steps_ = j.at("steps").get<std::int64_t>(); }

 private:
  struct Entry {
    nn::Parameter* parameter;
    double lr_mult, weight_decay;
    Tensor m, v;
  };
  OptimizerOptions options_;
  std::vector<Entry> entries_;
  std::int64_t steps_ = 0;
  Tensor lr_and_count_;  // UpdateNumbers'
};

/// Joint L2 norm of all gradients over `loss_scale` (f32 scalar; undefined is 1), as they are afterwards unless that
/// is more than `max_norm`: then they are scaled down to it, in place. On the gradients' device, which may be at it still;
/// undefined where there is no gradient.
Tensor clip_grad_norm(const std::vector<nn::Parameter*>& parameters, double max_norm, const Tensor& loss_scale = {});

}  // namespace engine

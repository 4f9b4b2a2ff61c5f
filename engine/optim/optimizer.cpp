#include "engine/optim/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "engine/tensor/suggest.h"
#include "kernels/backend.h"

namespace engine {
namespace {

std::regex compile(const std::string& expression) {
  try {
    return std::regex(expression);
  } catch (const std::regex_error& e) {
    throw UsageError("parameter group '{}' is not a regular expression: {}", expression, e.what());
  }
}

void check(const OptimizerOptions& o) {
  const auto in = [](const char* name, double value, double low, double high) {
    if (!(value >= low && value < high))
      throw UsageError("optimiser: {} is {}, expected at least {} and below {}", name, value, low, high);
  };
  constexpr double infinity = std::numeric_limits<double>::infinity();
  in("lr", o.lr, 0.0, infinity);
  in("weight-decay", o.weight_decay, 0.0, infinity);
  in("momentum", o.momentum, 0.0, infinity);
  in("beta1", o.beta1, 0.0, 1.0);
  in("beta2", o.beta2, 0.0, 1.0);
  in("alpha", o.alpha, 0.0, infinity);
  in("eps", o.eps, 0.0, infinity);
  for (const GroupRule& g : o.groups) {
    in("a group's lr-mult", g.lr_mult.value_or(1.0), 0.0, infinity);
    in("a group's weight-decay", g.weight_decay.value_or(0.0), 0.0, infinity);
  }
  if (o.nesterov && (o.momentum <= 0.0 || o.dampening != 0.0))
    throw UsageError("optimiser: nesterov needs momentum above 0 (is {}) and dampening 0 (is {})", o.momentum,
                     o.dampening);
}

bool is_norm_or_bias(nn::ParameterKind k) {
  return k == nn::ParameterKind::bias || k == nn::ParameterKind::norm_weight || k == nn::ParameterKind::norm_bias;
}

bool uses_m(const OptimizerOptions& o) {
  return o.kind == OptimizerKind::adam || o.kind == OptimizerKind::adamw || o.momentum != 0.0;
}
bool uses_v(const OptimizerOptions& o) { return o.kind != OptimizerKind::sgd; }

}  // namespace

const std::vector<std::string>& optimizer_names() {
  static const std::vector<std::string> names{"sgd", "adam", "adamw", "rmsprop"};
  return names;
}

OptimizerKind parse_optimizer(std::string_view name) {
  const auto& names = optimizer_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw UsageError("unknown optimizer '{}'{} (known: {})", name, did_you_mean(name, names), fmt::join(names, ", "));
  return static_cast<OptimizerKind>(found - names.begin());
}

std::string_view name_of(OptimizerKind k) { return optimizer_names()[static_cast<std::size_t>(k)]; }

nlohmann::json to_json(const OptimizerOptions& o) {
  nlohmann::json groups = nlohmann::json::array();
  for (const GroupRule& g : o.groups) {
    nlohmann::json rule{{"regex", g.regex}};
    if (g.lr_mult) rule["lr_mult"] = *g.lr_mult;
    if (g.weight_decay) rule["weight_decay"] = *g.weight_decay;
    groups.push_back(std::move(rule));
  }
  return {{"kind", name_of(o.kind)}, {"lr", o.lr}, {"weight_decay", o.weight_decay},
          {"decay_norm_and_bias", o.decay_norm_and_bias}, {"momentum", o.momentum}, {"dampening", o.dampening},
          {"nesterov", o.nesterov}, {"beta1", o.beta1}, {"beta2", o.beta2}, {"eps", o.eps}, {"alpha", o.alpha},
          {"groups", groups}};
}

Optimizer::Optimizer(std::vector<nn::Parameter*> parameters, const OptimizerOptions& options) : options_(options) {
  check(options);
  if (std::none_of(parameters.begin(), parameters.end(), [](const nn::Parameter* p) { return p->trainable(); }))
    throw UsageError("nothing to train: every parameter is frozen");
  for (nn::Parameter* p : parameters) {
    Entry e{p, 1.0, options.weight_decay, {}, {}};
    if (!options.decay_norm_and_bias && is_norm_or_bias(p->kind)) e.weight_decay = 0.0;
    const Tensor& value = p->variable.value();
    if (p->trainable() && uses_m(options)) e.m = zeros_like(value);
    if (p->trainable() && uses_v(options)) e.v = zeros_like(value);
    entries_.push_back(std::move(e));
  }
  for (const GroupRule& rule : options.groups) {
    const std::regex regex = compile(rule.regex);
    bool matched = false;
    for (Entry& e : entries_) {
      if (!std::regex_search(e.parameter->name, regex)) continue;
      matched = true;
      if (rule.lr_mult) e.lr_mult = *rule.lr_mult;
      if (rule.weight_decay) e.weight_decay = *rule.weight_decay;
    }
    if (!matched) throw UsageError("parameter group '{}' matches no parameter", rule.regex);
  }
}

void Optimizer::step() {
  set_numbers();
  update();
  did_step();
}

// Into the same memory each time: that is where a recording looks.
void Optimizer::set_numbers() {
  const Device device = entries_.front().parameter->variable.value().device();
  const Tensor numbers = update_numbers(options_.lr, steps_ + 1, device).lr_and_count;
  if (lr_and_count_.defined() && lr_and_count_.device() == device)
    backend_of(device).copy_(lr_and_count_, numbers);
  else
    lr_and_count_ = numbers;
}

void Optimizer::update(const Tensor& norm) {
  std::vector<OptimizerSlot> slots;
  for (const Entry& e : entries_) {
    const Variable& x = e.parameter->variable;
    if (x.requires_grad() && x.grad().defined())
      slots.push_back({x.value(), x.grad(), e.m, e.v, e.lr_mult, e.weight_decay});
  }
  if (slots.empty()) return;
  Backend& backend = backend_of(slots.front().param);
  const UpdateNumbers now{lr_and_count_, norm};
  switch (options_.kind) {
    case OptimizerKind::sgd:
      return backend.sgd_(slots, {options_.momentum, options_.dampening, options_.nesterov}, now);
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return backend.adam_(
          slots, {options_.beta1, options_.beta2, options_.eps, options_.kind == OptimizerKind::adamw}, now);
    case OptimizerKind::rmsprop:
      return backend.rmsprop_(slots, {options_.alpha, options_.eps, options_.momentum}, now);
  }
}

void Optimizer::clear_grads() {
  for (Entry& e : entries_) e.parameter->variable.clear_grad();
}

std::vector<ParameterPlan> Optimizer::plan() const {
  std::vector<ParameterPlan> rows;
  for (const Entry& e : entries_)
    rows.push_back({e.parameter->name, e.parameter->variable.shape(), e.parameter->trainable(), e.lr_mult,
                    e.weight_decay});
  return rows;
}

std::string Optimizer::plan_table() const {
  std::size_t width = 9;
  for (const Entry& e : entries_) width = std::max(width, e.parameter->name.size());
  std::string out = fmt::format("{:<{}}  {:<20} {:<9} {:>10} {:>12}\n", "parameter", width, "shape", "trainable", "lr",
                                "weight decay");
  for (const ParameterPlan& p : plan())
    out += p.trainable ? fmt::format("{:<{}}  {:<20} {:<9} {:>10.4g} {:>12.4g}\n", p.name, width, p.shape.str(), "yes",
                                     options_.lr * p.lr_mult, p.weight_decay)
                       : fmt::format("{:<{}}  {:<20} {:<9} {:>10} {:>12}\n", p.name, width, p.shape.str(), "no", "-",
                                     "-");
  return out;
}

std::vector<NamedTensor> Optimizer::state() const {
  std::vector<NamedTensor> all;
  for (const Entry& e : entries_) {
    if (e.m.defined()) all.push_back({"optim.m." + e.parameter->name, e.m});
    if (e.v.defined()) all.push_back({"optim.v." + e.parameter->name, e.v});
  }
  return all;
}

Tensor clip_grad_norm(const std::vector<nn::Parameter*>& parameters, double max_norm, const Tensor& loss_scale) {
  std::vector<Tensor> grads;
  for (const nn::Parameter* p : parameters) {
    if (!p->variable.grad().defined()) continue;
    p->variable.gradient()->unshare();  // two parameters that were added may hold one tensor
    grads.push_back(p->variable.grad());
  }
  if (grads.empty()) return {};
  return backend_of(grads.front()).clip_grad_norm_(grads, max_norm, loss_scale);
}

}  // namespace engine

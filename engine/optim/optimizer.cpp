#include "engine/optim/optimizer.h"

#include <regex>

#include "engine/tensor/suggest.h"
#include "kernels/backend.h"

namespace engine::optim {
namespace {

void check(const OptimizerConfig& c) {
  const std::vector<std::string> kinds{"sgd", "adam", "adamw", "rmsprop"};
  if (std::find(kinds.begin(), kinds.end(), c.kind) == kinds.end())
    throw UsageError("unknown optimizer '{}'{} (sgd, adam, adamw, rmsprop)", c.kind, did_you_mean(c.kind, kinds));
  const auto in = [](const char* name, double v, double low, double high) {
    if (!(v >= low && v <= high)) throw UsageError("{}: expected a number in [{}, {}], found {}", name, low, high, v);
  };
  in("momentum", c.momentum, 0.0, 1.0);
  in("dampening", c.dampening, 0.0, 1.0);
  in("beta1", c.beta1, 0.0, 1.0);
  in("beta2", c.beta2, 0.0, 1.0);
  in("alpha", c.alpha, 0.0, 1.0);
  in("weight decay", c.weight_decay, 0.0, 1e6);
  if (c.nesterov && (c.momentum == 0.0 || c.dampening != 0.0))
    throw UsageError("nesterov needs momentum and no dampening");
}

bool decays(nn::ParameterKind kind, const OptimizerConfig& c) {
  return c.decay_norm_and_bias || kind == nn::ParameterKind::conv_weight || kind == nn::ParameterKind::linear_weight;
}

struct MultiplierRule {
  std::regex regex;
  double factor;
  bool used = false;
};

std::vector<MultiplierRule> compile(const OptimizerConfig& c) {
  std::vector<MultiplierRule> rules;
  for (const auto& [expression, factor] : c.lr_multipliers) {
    try {
      rules.push_back({std::regex(expression), factor});
    } catch (const std::regex_error& e) {
      throw UsageError("'{}' is not a regular expression: {}", expression, e.what());
    }
  }
  return rules;
}

Tensor zeros_like(const Tensor& t) { return full(t.shape(), 0.0, t.dtype(), t.device()); }

}  // namespace

Optimizer::Optimizer(nn::Module& model, const OptimizerConfig& config) : config_(config) {
  check(config_);
  auto rules = compile(config_);
  const bool adaptive = config_.kind == "adam" || config_.kind == "adamw";
  const bool needs_m = adaptive || config_.momentum != 0.0;
  const bool needs_v = config_.kind != "sgd";
  for (nn::Parameter* p : model.parameters()) {
    ParameterPlan row{p->name, p->variable.shape(), p->trainable(), 1.0, 0.0};
    for (MultiplierRule& rule : rules) {
      if (!std::regex_search(p->name, rule.regex)) continue;
      row.lr_multiplier = rule.factor;
      rule.used = true;
    }
    if (decays(p->kind, config_)) row.weight_decay = config_.weight_decay;
    plan_.push_back(row);
    if (!p->trainable()) continue;
    const Tensor& w = p->variable.value();
    entries_.push_back({p, needs_m ? zeros_like(w) : Tensor(), needs_v ? zeros_like(w) : Tensor(), row.lr_multiplier,
                        row.weight_decay});
  }
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (!rules[i].used) throw UsageError("lr multiplier '{}' matches no parameter", config_.lr_multipliers[i].first);
  if (entries_.empty()) throw UsageError("nothing to train: every parameter is frozen");
}

void Optimizer::step(double lr) {
  std::vector<OptimizerSlot> slots;
  for (const Entry& e : entries_) {
    const Variable& v = e.parameter->variable;
    if (v.grad().defined()) slots.push_back({v.value(), v.grad(), e.m, e.v, lr * e.lr_multiplier, e.weight_decay});
  }
  if (slots.empty()) return;
  Backend& backend = backend_of(slots[0].param);
  if (config_.kind == "sgd") {
    SgdParams p;
    p.momentum = config_.momentum;
    p.dampening = config_.dampening;
    p.nesterov = config_.nesterov;
    p.first_step = steps_ == 0;
    backend.sgd_(slots, p);
  } else if (config_.kind == "rmsprop") {
    backend.rmsprop_(slots, {config_.alpha, config_.eps, config_.momentum});
  } else {
    backend.adam_(slots, {config_.beta1, config_.beta2, config_.eps, steps_ + 1, config_.kind == "adamw"});
  }
  ++steps_;
}

void Optimizer::clear_gradients() {
  for (const Entry& e : entries_) e.parameter->variable.clear_grad();
}

Tensor Optimizer::clip_gradients(double max_norm) {
  std::vector<Tensor> grads;
  for (const Entry& e : entries_)
    if (e.parameter->variable.grad().defined()) grads.push_back(e.parameter->variable.grad());
  if (grads.empty()) throw UsageError("clip_gradients: no parameter has a gradient");
  return backend_of(grads[0]).clip_grad_norm_(grads, max_norm);
}

std::vector<std::pair<std::string, Tensor>> Optimizer::state() const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (const Entry& e : entries_) {
    if (e.m.defined()) all.emplace_back("m." + e.parameter->name, e.m);
    if (e.v.defined()) all.emplace_back("v." + e.parameter->name, e.v);
  }
  return all;
}

Ema::Ema(nn::Module& model, double decay) : parameters_(model.parameters()), decay_(decay) {
  if (!(decay > 0.0 && decay < 1.0)) throw UsageError("EMA decay: expected a number in (0, 1), found {}", decay);
  for (const nn::Parameter* p : parameters_) averages_.push_back(backend_of(p->variable.value()).clone(p->variable.value()));
}

void Ema::update() {
  std::vector<Tensor> values;
  for (const nn::Parameter* p : parameters_) values.push_back(p->variable.value());
  backend_of(values[0]).ema_(averages_, values, decay_);
}

void Ema::swap() {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Tensor weights = parameters_[i]->variable.value();
    parameters_[i]->variable.set_value(averages_[i]);
    averages_[i] = weights;
  }
}

std::vector<std::pair<std::string, Tensor>> Ema::state() const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (std::size_t i = 0; i < parameters_.size(); ++i) all.emplace_back("ema." + parameters_[i]->name, averages_[i]);
  return all;
}

}  // namespace engine::optim

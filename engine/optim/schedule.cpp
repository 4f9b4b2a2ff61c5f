#include "engine/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>

#include "engine/tensor/error.h"
#include "engine/tensor/suggest.h"

namespace engine::optim {
namespace {

constexpr double plateau_eps = 1e-8;  // smaller changes of the rate are not made

double at_least(double low, double v) { return v < low ? low : v; }

}  // namespace

Schedule::Schedule(const ScheduleConfig& config, double base_lr)
    : config_(config), base_lr_(base_lr), plateau_lr_(base_lr), best_(std::numeric_limits<double>::infinity()) {
  const std::vector<std::string> kinds{"constant", "step", "multi-step", "cosine", "exponential", "plateau"};
  if (std::find(kinds.begin(), kinds.end(), config.kind) == kinds.end())
    throw UsageError("unknown schedule '{}'{} (constant, step, multi-step, cosine, exponential, plateau)", config.kind,
                     did_you_mean(config.kind, kinds));
  if (!(base_lr > 0.0)) throw UsageError("learning rate: expected a positive number, found {}", base_lr);
  if (config.kind == "step" && !(config.step_size > 0.0))
    throw UsageError("schedule step: expected a positive step size, found {}", config.step_size);
  if (config.warmup < 0.0) throw UsageError("warm-up: expected a time of at least 0, found {}", config.warmup);
}

double Schedule::lr(double time) const {
  if (time < config_.warmup)
    return base_lr_ * (config_.warmup_factor + (1.0 - config_.warmup_factor) * time / config_.warmup);
  return after_warmup(time - config_.warmup);
}

double Schedule::after_warmup(double time) const {
  if (config_.kind == "step") return base_lr_ * std::pow(config_.gamma, std::floor(time / config_.step_size));
  if (config_.kind == "multi-step") {
    const auto passed = std::count_if(config_.milestones.begin(), config_.milestones.end(),
                                      [&](double m) { return m - config_.warmup <= time; });
    return base_lr_ * std::pow(config_.gamma, static_cast<double>(passed));
  }
  if (config_.kind == "exponential") return base_lr_ * std::pow(config_.gamma, time);
  if (config_.kind == "cosine") {
    const double span = at_least(std::numeric_limits<double>::min(), config_.total - config_.warmup);
    const double share = std::min(time / span, 1.0);
    return config_.min_lr + (base_lr_ - config_.min_lr) * (1.0 + std::cos(std::numbers::pi * share)) / 2.0;
  }
  return config_.kind == "plateau" ? plateau_lr_ : base_lr_;
}

void Schedule::observe(double loss) {
  if (config_.kind != "plateau") return;
  if (loss < best_ * (1.0 - config_.threshold)) {
    best_ = loss;
    bad_epochs_ = 0;
  } else {
    ++bad_epochs_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_epochs_ = 0;
  }
  if (bad_epochs_ <= config_.patience) return;
  const double lower = std::max(plateau_lr_ * config_.plateau_factor, config_.min_lr);
  if (plateau_lr_ - lower > plateau_eps) plateau_lr_ = lower;
  cooling_ = config_.cooldown;
  bad_epochs_ = 0;
}

nlohmann::json Schedule::state() const {
  // JSON has no infinity: a best that was never set is left out.
  nlohmann::json s = {{"lr", plateau_lr_}, {"bad_epochs", bad_epochs_}, {"cooling", cooling_}};
  if (std::isfinite(best_)) s["best"] = best_;
  return s;
}

void Schedule::load(const nlohmann::json& state) {
  plateau_lr_ = state.at("lr").get<double>();
  bad_epochs_ = state.at("bad_epochs").get<int>();
  cooling_ = state.at("cooling").get<int>();
  best_ = state.value("best", std::numeric_limits<double>::infinity());
}

}  // namespace engine::optim

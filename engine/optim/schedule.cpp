#include "engine/optim/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/tensor/error.h"
#include "engine/tensor/suggest.h"

namespace engine {
namespace {

// JSON has no infinity; an untouched plateau has seen nothing yet.
nlohmann::json finite_or_null(double x) { return std::isfinite(x) ? nlohmann::json(x) : nlohmann::json(nullptr); }

void check(const ScheduleOptions& o) {
  const auto above = [](const char* name, double value, double low, bool allow_equal) {
    if (!(value > low || (allow_equal && value == low)))
      throw UsageError("schedule: {} is {}, expected {} {}", name, value, allow_equal ? "at least" : "more than", low);
  };
  above("lr", o.base_lr, 0.0, true);
  above("warmup-epochs", o.warmup_epochs, 0.0, true);
  above("warmup-start-factor", o.warmup_start_factor, 0.0, true);
  above("gamma", o.gamma, 0.0, false);
  above("step-size", o.step_size, 0.0, false);
  above("t-max", o.t_max, 0.0, false);
  above("patience", o.patience, 0, true);
  above("cooldown", o.cooldown, 0, true);
  if (o.kind == ScheduleKind::multi_step && o.milestones.empty())
    throw UsageError("schedule: multi-step needs milestones");
  if (!std::is_sorted(o.milestones.begin(), o.milestones.end()))
    throw UsageError("schedule: milestones {} are not ascending", fmt::join(o.milestones, ","));
  if (o.kind == ScheduleKind::plateau && !(o.factor > 0.0 && o.factor < 1.0))
    throw UsageError("schedule: plateau's factor is {}, expected between 0 and 1", o.factor);
}

}  // namespace

const std::vector<std::string>& schedule_names() {
  static const std::vector<std::string> names{"constant", "step", "multi-step", "cosine", "exponential", "plateau"};
  return names;
}

ScheduleKind parse_schedule(std::string_view name) {
  const auto& names = schedule_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw UsageError("unknown schedule '{}'{} (known: {})", name, did_you_mean(name, names), fmt::join(names, ", "));
  return static_cast<ScheduleKind>(found - names.begin());
}

std::string_view name_of(ScheduleKind k) { return schedule_names()[static_cast<std::size_t>(k)]; }

nlohmann::json to_json(const ScheduleOptions& o) {
  return {{"kind", name_of(o.kind)}, {"base_lr", o.base_lr}, {"warmup_epochs", o.warmup_epochs},
          {"warmup_start_factor", o.warmup_start_factor}, {"gamma", o.gamma}, {"step_size", o.step_size},
          {"milestones", o.milestones}, {"t_max", o.t_max}, {"eta_min", o.eta_min}, {"minimize", o.minimize},
          {"factor", o.factor}, {"threshold", o.threshold}, {"relative_threshold", o.relative_threshold},
          {"patience", o.patience}, {"cooldown", o.cooldown}, {"min_lr", o.min_lr}, {"eps", o.eps}};
}

Schedule::Schedule(const ScheduleOptions& options)
    : options_(options),
      plateau_lr_(options.base_lr),
      best_(options.minimize ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity()) {
  check(options);
}

double Schedule::rate(double epoch) const {
  const ScheduleOptions& o = options_;
  if (epoch < o.warmup_epochs)
    return o.base_lr * (o.warmup_start_factor + (1.0 - o.warmup_start_factor) * epoch / o.warmup_epochs);
  const double t = epoch - o.warmup_epochs;
  switch (o.kind) {
    case ScheduleKind::constant: return o.base_lr;
    case ScheduleKind::step: return o.base_lr * std::pow(o.gamma, std::floor(t / o.step_size));
    case ScheduleKind::multi_step: {
      const auto passed = std::upper_bound(o.milestones.begin(), o.milestones.end(), t) - o.milestones.begin();
      return o.base_lr * std::pow(o.gamma, static_cast<double>(passed));
    }
    case ScheduleKind::cosine: {
      const double done = std::min(t / o.t_max, 1.0);
      return o.eta_min + (o.base_lr - o.eta_min) * (1.0 + std::cos(std::numbers::pi * done)) / 2.0;
    }
    case ScheduleKind::exponential: return o.base_lr * std::pow(o.gamma, t);
    case ScheduleKind::plateau: return plateau_lr_;
  }
  return o.base_lr;
}

void Schedule::observe(double epoch, double value) {
  const ScheduleOptions& o = options_;
  if (o.kind != ScheduleKind::plateau || epoch < o.warmup_epochs) return;
  const double margin = o.relative_threshold ? std::fabs(best_) * o.threshold : o.threshold;
  const double wanted = !std::isfinite(best_) ? best_ : o.minimize ? best_ - margin : best_ + margin;
  if (o.minimize ? value < wanted : value > wanted) {
    best_ = value;
    bad_epochs_ = 0;
  } else {
    ++bad_epochs_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_epochs_ = 0;
  }
  if (bad_epochs_ <= o.patience) return;
  const double reduced = std::max(plateau_lr_ * o.factor, o.min_lr);
  if (plateau_lr_ - reduced > o.eps) plateau_lr_ = reduced;
  cooling_ = o.cooldown;
  bad_epochs_ = 0;
}

nlohmann::json Schedule::state() const {
  return {{"plateau_lr", plateau_lr_}, {"best", finite_or_null(best_)}, {"bad_epochs", bad_epochs_},
          {"cooling", cooling_}};
}

void Schedule::load_state(const nlohmann::json& j) {
  plateau_lr_ = j.at("plateau_lr").get<double>();
  if (!j.at("best").is_null()) best_ = j.at("best").get<double>();
  bad_epochs_ = j.at("bad_epochs").get<int>();
  cooling_ = j.at("cooling").get<int>();
}

}  // namespace engine

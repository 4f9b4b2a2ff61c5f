// Learning-rate schedules, torch.optim.lr_scheduler's formulas in closed form.
#pragma once

#include <nlohmann/json.hpp>

#include <limits>
#include <string>
#include <vector>

namespace engine {

enum class ScheduleKind : std::uint8_t { constant, step, multi_step, cosine, exponential, plateau };
/// "constant", "step", "multi-step", "cosine", "exponential", "plateau"; throws UsageError with the nearest name.
ScheduleKind parse_schedule(std::string_view name);
std::string_view name_of(ScheduleKind k);
const std::vector<std::string>& schedule_names();

/// Times are in epochs and count from the end of the warm-up.
struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::constant;
  double base_lr = 0.1;
  double warmup_epochs = 0.0;        ///< linear from warmup_start_factor * base_lr to base_lr
  double warmup_start_factor = 0.01;
  double gamma = 0.1;                ///< step, multi-step, exponential
  double step_size = 30.0;           ///< step: epochs between two decays
  std::vector<double> milestones;    ///< multi-step: ascending epochs
  double t_max = 90.0;               ///< cosine: epochs from base_lr down to eta_min
  double eta_min = 0.0;
  bool minimize = true;              ///< plateau: the watched value should fall
  double factor = 0.1, threshold = 1e-4;
  bool relative_threshold = true;
  int patience = 10, cooldown = 0;
  double min_lr = 0.0, eps = 1e-8;   ///< a reduction smaller than eps is not made
};
nlohmann::json to_json(const ScheduleOptions& o);

class Schedule {
 public:
  /// Throws UsageError for options that make no sense (milestones out of order, t_max <= 0, ...).
  explicit Schedule(const ScheduleOptions& options);

  /// The rate `epoch` epochs after the start; fractions where the rate changes with every step.
  double rate(double epoch) const;
  /// Tells plateau the watched value after an epoch; the others do not listen. During the warm-up nobody does.
  void observe(double epoch, double value);
  const ScheduleOptions& options() const { return options_; }

  nlohmann::json state() const;
  void load_state(const nlohmann::json& j);

 private:
  ScheduleOptions options_;
  double plateau_lr_;
  double best_;
  int bad_epochs_ = 0, cooling_ = 0;
};

}  // namespace engine

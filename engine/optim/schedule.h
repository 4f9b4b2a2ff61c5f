// Learning-rate schedules, as functions of time. Time counts in epochs; the trainer asks with fractions of an epoch
// where a schedule is to move at every step. Values are torch.optim.lr_scheduler's.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace engine::optim {

struct ScheduleConfig {
  std::string kind = "constant";   ///< constant, step, multi-step, cosine, exponential, plateau
  double gamma = 0.1;              ///< step, multi-step, exponential: factor
  double step_size = 30;           ///< step: epochs between two drops
  std::vector<double> milestones;  ///< multi-step: epochs of the drops
  double total = 1;                ///< cosine: epochs in all, warm-up included
  double min_lr = 0.0;             ///< cosine: where it ends; plateau: never below
  double warmup = 0;               ///< epochs of linear warm-up before any schedule
  double warmup_factor = 0.01;     ///< where the warm-up starts, as a share of the rate
  double plateau_factor = 0.1;     ///< plateau: factor at a drop
  int patience = 10;               ///< plateau: epochs without improvement that are borne
  double threshold = 1e-4;         ///< plateau: relative improvement that counts
  int cooldown = 0;                ///< plateau: epochs after a drop that do not count
};

class Schedule {
 public:
  /// Throws UsageError for an unknown kind (with the nearest name) or senseless numbers.
  Schedule(const ScheduleConfig& config, double base_lr);
  /// Rate at `time` epochs after the start.
  double lr(double time) const;
  /// Plateau: tells the schedule an epoch's loss (lower is better). Others ignore it.
  void observe(double loss);

  /// What a checkpoint must hold.
  nlohmann::json state() const;
  void load(const nlohmann::json& state);

 private:
  double after_warmup(double time) const;

  ScheduleConfig config_;
  double base_lr_;
  double plateau_lr_;
  double best_;
  int bad_epochs_ = 0;
  int cooling_ = 0;
};

}  // namespace engine::optim

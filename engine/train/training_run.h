// One training run and everything it holds; trainer.h is its door. The loop stands in trainer.cpp, beginning, saving
// and going on in training_run.cpp.
#pragma once

#include <memory>

#include "engine/data/data_sources.h"
#include "engine/train/backend_check.h"
#include "engine/train/batch_feed.h"
#include "engine/train/evaluate.h"
#include "engine/train/interrupt.h"
#include "engine/train/loss.h"
#include "engine/train/model_setup.h"
#include "engine/train/progress.h"
#include "engine/train/run_folder.h"
#include "engine/train/run_state.h"
#include "engine/train/trainer.h"
#include "engine/train/training_step.h"

namespace engine {

class TrainingRun {
 public:
  /// Opens the data and the folder, builds the network, and goes back to the last checkpoint if config.resume says so.
  TrainingRun(const TrainConfig& config, bool quiet);
  TrainResult run();

 private:
  // trainer.cpp
  bool train_epoch();
  struct Step {
    double loss = 0.0, gradient_norm = 0.0;
    std::int64_t correct = 0;  ///< of one label a picture
  };
  TrainingStep::Options step_options();
  Step step_on(const DeviceBatch& batch);
  void check_step(const DeviceBatch& batch, const TrainingStep::Result& result);
  bool next_batch(DeviceBatch& batch);
  void train_step(DeviceBatch& batch);
  [[noreturn]] void explain_out_of_memory(DeviceBatch& batch, const std::string& what);
  void report_step(std::int64_t images, double loss, double gradient_norm);
  bool close_epoch();
  Predictions predict_split(nn::Module& model, const std::string& split);
  void record(const std::string& split, const std::vector<MetricValue>& metrics);
  void keep_if_best(const std::vector<MetricValue>& metrics);
  bool out_of_patience(const std::vector<MetricValue>& metrics);
  bool stop_requested();
  TrainResult finish();
  void say(const std::string& line);

  // training_run.cpp
  std::vector<nn::Parameter*> prepared_parameters();
  void begin();
  void restore();
  void save(const std::filesystem::path& path);
  void write_state(const std::string& status);
  std::vector<NamedTensor> tensors() const;
  nlohmann::json meta();
  LoaderOptions loader_options(bool training) const;
  std::int64_t total_steps() const;
  bool steps_used_up() const { return config_.max_steps > 0 && state_.step >= config_.max_steps; }
  bool trained() const { return state_.stopped_early || state_.epoch >= config_.epochs || steps_used_up(); }

  const TrainConfig& config_;
  bool quiet_;
  Device device_;
  DType precision_;  // of activations; weights are f32
  std::unique_ptr<Checkpoint> resumed_;  // until restore() is done
  DataSplits data_;
  std::string init_report_;
  ModelSetup setup_;
  models::Classifier& model_;
  LossFunction loss_;
  Optimizer optimizer_;
  Schedule schedule_;
  std::unique_ptr<Ema> ema_;
  std::unique_ptr<BackendCheck> check_;
  TrainingStep training_step_;
  const DeviceBatch* batch_ = nullptr;  // of the step that is being made
  BatchFeed feed_;
  std::string best_metric_;
  RunState state_;
  std::unique_ptr<RunFolder> folder_;
  std::unique_ptr<Progress> progress_;
  InterruptGuard interrupt_;
};

/// "accuracy:5" -> metric and epochs of patience. Throws UsageError.
std::pair<std::string, std::int64_t> parse_early_stop(const std::string& text);

}  // namespace engine

#include "engine/train/training_run.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/tensor/allocator.h"
#include "engine/tensor/suggest.h"
#include "kernels/backend.h"

namespace engine {
namespace {

std::unique_ptr<Checkpoint> last_checkpoint(const TrainConfig& c) {
  if (!c.resume) {
    require_no_run(c.output_dir);  // before the data is read
    return nullptr;
  }
  const auto path = std::filesystem::path(c.output_dir) / "last.safetensors";
  if (!std::filesystem::exists(path))
    throw CheckpointError("--resume: {} holds no last.safetensors to go on from", c.output_dir);
  auto checkpoint = std::make_unique<Checkpoint>(path);
  const auto different = config_differences(c.decisive(), checkpoint->get<nlohmann::json>("/config"));
  if (!different.empty())
    throw CheckpointError("{}: cannot go on with another configuration: {}", checkpoint->file().name(),
                          fmt::join(different, "; "));
  return checkpoint;
}

}  // namespace

TrainingRun::TrainingRun(const TrainConfig& config, bool quiet)
    : config_(config),
      quiet_(quiet),
      device_(device_named(config.device).value_or(Device::cpu)),
      precision_(config.compute_dtype()),
      resumed_(last_checkpoint(config)),
      data_(open_data(config.data, data_options(config))),
      setup_(make_setup(config, *data_.train, resumed_.get(), init_report_)),
      model_(*setup_.model),
      loss_(config, *data_.train, device_),
      optimizer_(prepared_parameters(), config.optimizer_options()),
      schedule_(config.schedule_options()),
      ema_(config.ema_decay > 0.0 ? std::make_unique<Ema>(model_, config.ema_decay) : nullptr),
      check_(config.check_backend.empty() ? nullptr
                                          : std::make_unique<BackendCheck>(config, setup_, *data_.train,
                                                                           *device_named(config.check_backend))),
      training_step_(model_, loss_, optimizer_, ema_.get(), step_options()),
      feed_(*data_.train, setup_.preparation, loader_options(true), device_),
      best_metric_(config.best_metric != "auto"         ? config.best_metric
                   : setup_.task == Task::multi_class ? "accuracy"
                                                      : "auc") {
  if (feed_.batches() == 0) throw DataError("{}: no batch to train on", data_.train->name());
  if (!config.early_stop.empty() && !data_.val)
    throw UsageError("early-stop: {} has no validation pictures (see --val-fraction)", data_.train->name());
  if (resumed_)
    restore();
  else
    begin();
  resumed_.reset();
}

// Trainable or not must be settled before the optimiser looks.
std::vector<nn::Parameter*> TrainingRun::prepared_parameters() {
  allocator_of(device_).set_limit(static_cast<std::size_t>(config_.memory_limit * 0x1p30));
  model_.to(device_);
  model_.set_recompute(config_.recompute);
  for (const std::string& regex : config_.freeze) nn::set_trainable(model_, regex, false);
  for (const std::string& regex : config_.freeze_bn_stats) nn::set_statistics(model_, regex, nn::Statistics::frozen);
  return model_.parameters();
}

// A last batch of one picture has no statistics to normalise with, so training leaves the incomplete batch out.
LoaderOptions TrainingRun::loader_options(bool training) const {
  LoaderOptions o;
  o.batch_size = static_cast<std::size_t>(config_.batch_size);
  o.workers = static_cast<int>(config_.workers);
  o.prefetch = static_cast<std::size_t>(config_.prefetch);
  o.seed = static_cast<std::uint64_t>(config_.seed);
  o.skip_bad_images = config_.on_bad_image == "skip";
  if (!training) return o;
  o.sampling = config_.balanced ? Sampling::balanced : Sampling::shuffled;
  o.augment = true;
  o.drop_last = data_.train->size() >= o.batch_size;
  return o;
}

std::int64_t TrainingRun::total_steps() const {
  const std::int64_t all = config_.epochs * static_cast<std::int64_t>(feed_.batches());
  return config_.max_steps > 0 ? std::min(all, config_.max_steps) : all;
}

void TrainingRun::begin() {
  if (precision_ == DType::f16) state_.loss_scale.value = config_.loss_scale;
  folder_ = std::make_unique<RunFolder>(config_.output_dir);
  folder_->write_json("config.json", config_.to_json_with_sources());
  folder_->write_json("env.json", describe_environment(config_));
  atomic_write(folder_->file("init_report.txt"), init_report_ + "\n" + optimizer_.plan_table());
  folder_->log(fmt::format("started {} on {}, seed {}", config_.model, config_.data, config_.seed));
  if (!quiet_) fmt::print(stderr, "seed {}\n{}\n{}", config_.seed, init_report_, optimizer_.plan_table());
}

void TrainingRun::restore() {
  const Checkpoint& c = *resumed_;
  const std::string data = c.get<std::string>("/fingerprint");
  if (data != data_.train->fingerprint())
    throw CheckpointError("{}: the training data is not what it was (fingerprint {}, now {})", c.file().name(), data,
                          data_.train->fingerprint());
  c.load(tensors());
  try {
    state_ = c.get<RunState>("/run");
    optimizer_.load_scalars(c.meta().at("optimizer"));
    schedule_.load_state(c.meta().at("schedule"));
  } catch (const nlohmann::json::exception& e) {
    throw CheckpointError("{}: the state of the run cannot be read: {}", c.file().name(), e.what());
  }
  const auto threads = c.get<std::int64_t>("/threads");
  if (threads != config_.threads && !quiet_)
    fmt::print(stderr, "note: {} threads now, {} before: results will differ in the last bits\n", config_.threads,
               threads);
  folder_ = std::make_unique<RunFolder>(config_.output_dir, c.get<nlohmann::json>("/lengths"));
  folder_->log(fmt::format("resumed at step {}", state_.step));
  if (!quiet_) fmt::print(stderr, "resumed at epoch {}, step {}\n", state_.epoch + 1, state_.step);
}

std::vector<NamedTensor> TrainingRun::tensors() const {
  std::vector<NamedTensor> all = model_tensors(model_);
  for (NamedTensor& t : optimizer_.state()) all.push_back(std::move(t));
  if (ema_)
    for (NamedTensor& t : ema_->state()) all.push_back(std::move(t));
  return all;
}

nlohmann::json TrainingRun::meta() {
  nlohmann::json m = setup_.meta();
  m["config"] = config_.decisive();
  m["config_hash"] = config_.hash();
  m["data"] = config_.data;
  m["fingerprint"] = data_.train->fingerprint();
  m["threads"] = config_.threads;
  m["run"] = state_;
  m["optimizer"] = optimizer_.scalars();
  m["schedule"] = schedule_.state();
  // Philox keeps no state: seed, epoch, batch and step are its counters.
  m["random"] = {{"generator", "philox4x32-10"}, {"seed", config_.seed}, {"epoch", state_.epoch},
                 {"batch", state_.batch}, {"step", state_.step}};
  m["lengths"] = folder_->sync();
  return m;
}

void TrainingRun::save(const std::filesystem::path& path) { save_checkpoint(path, tensors(), meta()); }

void TrainingRun::write_state(const std::string& status) {
  nlohmann::ordered_json j{{"status", status}};
  const nlohmann::json state = state_;
  for (const auto& [key, value] : state.items()) j[key] = value;
  folder_->write_json("state.json", j);
}

}  // namespace engine

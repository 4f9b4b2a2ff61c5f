#include "engine/train/trainer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/tensor/allocator.h"
#include "engine/train/largest_batch.h"
#include "engine/train/nan_watch.h"
#include "engine/train/training_run.h"
#include "kernels/backend.h"

namespace engine {
namespace {

constexpr int final_resamples = 1000;

bool better(double value, double than, const std::string& metric) {
  return smaller_is_better(metric) ? value < than : value > than;
}

std::int64_t count_correct(const Tensor& logits, const std::vector<std::int64_t>& labels) {
  const auto scores = to_vector<float>(logits);
  const auto classes = static_cast<std::ptrdiff_t>(scores.size() / labels.size());
  std::int64_t correct = 0;
  auto row = scores.begin();
  for (const std::int64_t label : labels) {
    correct += std::max_element(row, row + classes) - row == label;
    row += classes;
  }
  return correct;
}

// "accuracy 0.9120, auc 0.9800": the figures that stand for all classes, for one line of the log.
std::string short_line(const std::vector<MetricValue>& metrics) {
  std::vector<std::string> parts;
  for (const MetricValue& m : metrics)
    if (m.of_class.empty()) parts.push_back(fmt::format("{} {:.4f}", m.name, m.value));
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::pair<std::string, std::int64_t> parse_early_stop(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) throw UsageError("early-stop: expected METRIC:PATIENCE, found '{}'", text);
  const auto [metric, patience] =
      parse_regex_number("early-stop", text.substr(0, colon) + "=" + text.substr(colon + 1));
  if (!(patience >= 1.0 && patience == std::floor(patience) && patience < 1e9))
    throw UsageError("early-stop: expected a patience of at least 1 epoch, found '{}'", text);
  return {metric, static_cast<std::int64_t>(patience)};
}

TrainResult train(const TrainConfig& config, bool quiet) { return TrainingRun(config, quiet).run(); }

TrainResult TrainingRun::run() {
  progress_ = std::make_unique<Progress>(quiet_, total_steps(), state_.step);
  while (!trained()) {
    if (train_epoch()) {
      if (!close_epoch()) return {.interrupted = true};
    } else if (!steps_used_up()) {
      return {.interrupted = true};
    }
  }
  return finish();
}

// False when the run ends inside the epoch: interrupted, or out of steps. Both have been saved.
bool TrainingRun::train_epoch() {
  model_.set_training(true);
  const auto batches = static_cast<std::int64_t>(feed_.batches());
  feed_.start_epoch(static_cast<std::uint32_t>(state_.epoch), static_cast<std::size_t>(state_.batch));
  const std::int64_t bad_before = state_.bad_images;
  DeviceBatch batch;
  while (!steps_used_up() && next_batch(batch)) {
    train_step(batch);
    state_.bad_images = bad_before + static_cast<std::int64_t>(feed_.bad_images().size());
    if (stop_requested()) return false;
    if (config_.save_every > 0 && state_.step % config_.save_every == 0) save(folder_->last());
  }
  for (const BadImage& bad : feed_.bad_images()) say(fmt::format("left out: {}: {}", bad.id, bad.why));
  if (state_.batch >= batches) return true;
  save(folder_->last());
  return false;
}

bool TrainingRun::next_batch(DeviceBatch& batch) {
  std::string refused;
  try {
    return feed_.next(batch);
  } catch (const OutOfMemory& e) {
    refused = e.what();
  }
  explain_out_of_memory(batch, refused);
}

TrainingStep::Options TrainingRun::step_options() {
  TrainingStep::Options o;
  o.precision = precision_;
  if (config_.clip_grad_norm > 0.0) o.max_norm = config_.clip_grad_norm;
  o.record = config_.cuda_graph == "on";
  if (check_) o.inspect = [this](const TrainingStep::Result& r) { check_step(*batch_, r); };
  return o;
}

// A whole step; the weights stay as they were where gradients overflowed.
TrainingRun::Step TrainingRun::step_on(const DeviceBatch& batch) {
  const double share = static_cast<double>(state_.batch) / static_cast<double>(feed_.batches());
  const double time = static_cast<double>(state_.epoch) + (config_.schedule_per == "step" ? share : 0.0);
  optimizer_.set_lr(schedule_.rate(time));
  nn::set_random_step(model_, static_cast<std::uint64_t>(config_.seed), static_cast<std::uint64_t>(state_.step));

  LossScale& scale = state_.loss_scale;
  batch_ = &batch;
  const auto run = [&] {
    return training_step_(batch.images, batch.target, scale.value, static_cast<std::uint64_t>(state_.step));
  };
  const TrainingStep::Result result = run();
  feed_.prefetch();
  // All work is queued before the host waits for a number.
  Step step;
  step.loss = scalar_value(result.loss);
  step.gradient_norm = result.norm.defined() ? scalar_value(result.norm) : 0.0;
  if (setup_.task == Task::multi_class) step.correct = count_correct(result.scores, batch.host.labels);
  if (std::isfinite(step.loss) && std::isfinite(step.gradient_norm)) {
    optimizer_.did_step();
    if (precision_ == DType::f16) scale.keep();  // others have the range of f32: theirs stays 1
  } else if (std::isfinite(step.loss) && scale.may_shrink()) {
    scale.shrink();  // only the scaled gradients overflowed
  } else {
    explain_nonfinite(model_, batch.images, state_.step, run);
  }
  return step;
}

// Between backward and the update, while weights and gradients are those of the step.
void TrainingRun::check_step(const DeviceBatch& batch, const TrainingStep::Result& result) {
  if (!check_ || state_.step % config_.every != 0) return;  // null once the step found no memory
  const double loss = scalar_value(result.loss);
  if (!std::isfinite(loss)) return;  // the NaN watch will say more
  const StepDifference d =
      check_->compare(model_, batch, loss, state_.loss_scale.value, static_cast<std::uint64_t>(state_.step));
  const std::string line =
      fmt::format("step {} against device {}: loss off by {:.2g}, gradients by {:.2g} (most {:.2g}, {})", state_.step,
                  config_.check_backend, d.loss, d.gradients, d.worst, d.worst_parameter);
  say(line);
  folder_->metric({state_.step, state_.epoch + 1, "train", "check_loss", "", d.loss});
  folder_->metric({state_.step, state_.epoch + 1, "train", "check_gradients", "", d.gradients});
  // Overflown gradients are not compared: that step is skipped.
  const StepTolerance allowed = step_tolerance(precision_, config_.tf32);
  const bool overflown = precision_ == DType::f16 && !std::isfinite(d.gradients);
  if (!d.within(allowed) && !overflown)
    throw NumericError("{}; allowed are {} for the loss, {} for the gradients, {} for one parameter's", line, allowed.loss,
                       allowed.gradients, allowed.worst());
}

void TrainingRun::train_step(DeviceBatch& batch) {
  if (batch.size() == 0) {  // none of its pictures could be read
    ++state_.batch;
    return;
  }
  Step step;
  std::string refused;
  try {
    step = step_on(batch);
  } catch (const OutOfMemory& e) {
    refused = e.what();
  }
  if (!refused.empty()) explain_out_of_memory(batch, refused);  // when what the step held is gone

  const auto n = static_cast<std::int64_t>(batch.size());
  ++state_.step;
  ++state_.batch;
  state_.images += n;
  state_.loss_sum += step.loss * static_cast<double>(n);
  state_.correct += step.correct;
  report_step(n, step.loss, step.gradient_norm);
}

// The run is lost since its last checkpoint: tries may spoil its weights.
void TrainingRun::explain_out_of_memory(DeviceBatch& batch, const std::string& what) {
  const auto n = static_cast<std::int64_t>(batch.size());
  check_.reset();
  training_step_.forget();
  batch.images = batch.target = {};
  const std::int64_t most = largest_batch(n, [&](std::int64_t size) {
    optimizer_.clear_grads();
    allocator_of(device_).trim();
    try {
      step_on(feed_.place(first_of(batch.host, static_cast<std::size_t>(size))));
    } catch (const OutOfMemory&) {
      return false;
    } catch (const NumericError&) {  // it came to an end
    }
    return true;
  });
  // Memory comes in segments: what fits into those of larger tries may not fit into new ones.
  const std::int64_t safe = std::max<std::int64_t>(std::min<std::int64_t>(most, 1), most - most / 8);
  throw OutOfMemory("{}\n  in step {} with {} pictures; {}. --recompute and 16 bits (--precision) take less memory",
                    what, state_.step, n,
                    most > 0 ? fmt::format("{} were found to fit: try --batch-size {}", most, safe)
                             : "not even one picture fits");
}

void TrainingRun::report_step(std::int64_t images, double loss, double gradient_norm) {
  if (state_.step % config_.log_every == 0) {
    folder_->metric({state_.step, state_.epoch + 1, "train", "step_loss", "", loss});
    folder_->metric({state_.step, state_.epoch + 1, "train", "lr", "", optimizer_.lr()});
    folder_->metric({state_.step, state_.epoch + 1, "train", "gradient_norm", "", gradient_norm});
    if (precision_ == DType::f16) {
      folder_->metric({state_.step, state_.epoch + 1, "train", "loss_scale", "", state_.loss_scale.value});
      folder_->metric({state_.step, state_.epoch + 1, "train", "skipped_steps", "",
                       static_cast<double>(state_.loss_scale.skipped)});
    }
    folder_->scalar("speed/images_per_second", state_.step, progress_->images_per_second());
  }
  const MemoryStats memory = allocator_of(device_).stats();
  const LossScale& scale = state_.loss_scale;
  const std::string scaling =
      precision_ == DType::f16 ? fmt::format("  loss scale {:g}, {} skipped", scale.value, scale.skipped) : "";
  progress_->update(state_.step, images,
                    fmt::format("epoch {}/{} batch {}/{}  loss {:.4f}  lr {:.3g}{}  memory {}, peak {}",
                                state_.epoch + 1, config_.epochs, state_.batch, feed_.batches(), loss,
                                optimizer_.lr(), scaling,
                                format_bytes(static_cast<double>(memory.current)),
                                format_bytes(static_cast<double>(memory.peak))));
}

Predictions TrainingRun::predict_split(nn::Module& model, const std::string& split) {
  return predict(model, *data_.at(split), setup_.preparation, loader_options(false), device_,
                 [this] { return interrupt_.requested(); });
}

// After the last batch of an epoch: metrics, best, early stop, schedule, checkpoint. False when interrupted.
bool TrainingRun::close_epoch() {
  training_step_.forget();  // evaluation wants the memory
  std::vector<MetricValue> metrics;
  if (data_.val) {
    Predictions predictions;
    {
      std::unique_ptr<Ema::SwapIn> averaged;
      if (ema_) averaged = std::make_unique<Ema::SwapIn>(*ema_);
      predictions = predict_split(model_, "val");
    }
    if (stop_requested()) return false;
    metrics = compute_metrics(predictions, {});
  }
  const std::int64_t epoch = ++state_.epoch;
  const double images = static_cast<double>(std::max<std::int64_t>(state_.images, 1));
  folder_->metric({state_.step, epoch, "train", "loss", "", state_.loss_sum / images});
  std::string line = fmt::format("epoch {}/{}  train loss {:.4f}", epoch, config_.epochs, state_.loss_sum / images);
  if (setup_.task == Task::multi_class) {
    const double accuracy = static_cast<double>(state_.correct) / images;
    folder_->metric({state_.step, epoch, "train", "accuracy", "", accuracy});
    line += fmt::format(", accuracy {:.4f}", accuracy);
  }
  if (state_.bad_images > 0)
    folder_->metric({state_.step, epoch, "train", "bad_images", "", static_cast<double>(state_.bad_images)});
  record("val", metrics);
  if (data_.val) line += "  val " + short_line(metrics);
  say(line);

  state_.batch = 0;
  state_.loss_sum = 0.0;
  state_.images = state_.correct = state_.bad_images = 0;
  if (data_.val) schedule_.observe(static_cast<double>(epoch - 1), metric_value(metrics, "loss"));
  state_.stopped_early = out_of_patience(metrics);
  keep_if_best(metrics);
  save(folder_->last());
  write_state(trained() ? "trained" : "running");
  return true;
}

void TrainingRun::record(const std::string& split, const std::vector<MetricValue>& metrics) {
  for (const MetricValue& m : metrics)
    folder_->metric({state_.step, state_.epoch, split, m.name, m.of_class, m.value, m.low, m.high});
}

// Without validation pictures the newest weights count as best.
void TrainingRun::keep_if_best(const std::vector<MetricValue>& metrics) {
  if (data_.val) {
    const double value = metric_value(metrics, best_metric_);
    const bool first = state_.best_epoch == 0;
    if (std::isnan(value) ? !first : state_.has_best && !better(value, state_.best, best_metric_)) return;
    state_.has_best = !std::isnan(value);
    state_.best = state_.has_best ? value : 0.0;
  }
  state_.best_epoch = state_.epoch;
  save(folder_->best());
}

bool TrainingRun::out_of_patience(const std::vector<MetricValue>& metrics) {
  if (config_.early_stop.empty()) return false;
  const auto [metric, patience] = parse_early_stop(config_.early_stop);
  const double value = metric_value(metrics, metric);
  if (!std::isnan(value) && (!state_.has_watched || better(value, state_.watched, metric))) {
    state_.has_watched = true;
    state_.watched = value;
    state_.epochs_without_progress = 0;
    return false;
  }
  if (++state_.epochs_without_progress < patience) return false;
  say(fmt::format("stopped early: no better {} than {:.4f} for {} epochs", metric, state_.watched, patience));
  return true;
}

bool TrainingRun::stop_requested() {
  if (!interrupt_.requested()) return false;
  save(folder_->last());
  write_state("interrupted");
  say(fmt::format("interrupted and saved at step {}; go on with --resume", state_.step));
  return true;
}

void TrainingRun::say(const std::string& line) {
  progress_->line(line);
  folder_->log(line);
}

// Evaluates the best weights, with intervals, on every split that was held out.
TrainResult TrainingRun::finish() {
  training_step_.forget();  // evaluation wants the memory
  if (state_.best_epoch == 0) save(folder_->best());  // ended within the first epoch
  const ModelSetup chosen = load_setup(Checkpoint(folder_->best()), device_);
  nlohmann::ordered_json summary{{"model", setup_.name},         {"data", config_.data},
                                 {"steps", state_.step},         {"epochs", state_.epoch},
                                 {"seed", config_.seed},         {"config_hash", config_.hash()},
                                 {"best_metric", best_metric_},  {"best_epoch", state_.best_epoch},
                                 {"metrics", nlohmann::ordered_json::object()}};
  std::string table;
  for (const std::string split : {"val", "test"}) {
    if (!(split == "val" ? data_.val : data_.test)) continue;
    const Predictions p = predict_split(*chosen.model, split);
    if (stop_requested()) return {.interrupted = true};
    const auto metrics = compute_metrics(p, {final_resamples, static_cast<std::uint64_t>(config_.seed)});
    record("final_" + split, metrics);
    write_predictions(folder_->file("predictions_" + split + ".csv"), p);
    summary["metrics"][split] = metrics_json(metrics);
    table += fmt::format("{}: {} pictures, best epoch {}\n{}\n", split, p.size(), state_.best_epoch,
                         metrics_table(metrics));
  }
  folder_->write_json("summary.json", summary);
  write_state("finished");
  folder_->log("finished\n" + table);
  progress_->line("the run is in " + config_.output_dir);
  return {false, summary, table};
}

}  // namespace engine

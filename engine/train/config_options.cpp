// The table of options. A new one is a member of TrainConfig and a line here.
#include <charconv>
#include <cmath>
#include <limits>

#include "engine/tensor/error.h"
#include "engine/train/config.h"

namespace engine {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& name, const char* expected, const json& found) {
  // A flag's text need not be UTF-8.
  throw UsageError("{}: expected {}, found {}", name, expected,
                   found.dump(-1, ' ', false, json::error_handler_t::replace));
}

template <class T>
T number(const std::string& name, const char* expected, const json& v) {
  T x{};
  if (v.is_string()) {
    const auto text = v.get<std::string>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
    if (error != std::errc() || end != text.data() + text.size()) refuse(name, expected, v);
  } else {
    const bool fits = std::is_integral_v<T> ? v.is_number_integer() : v.is_number();
    // The library would wrap it.
    const bool wraps = v.is_number_unsigned() && v.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max();
    if (!fits || (std::is_integral_v<T> && wraps)) refuse(name, expected, v);
    x = v.get<T>();
  }
  // The record of the run could not keep it.
  if (!std::isfinite(static_cast<double>(x))) refuse(name, expected, v);
  return x;
}

void assign(const std::string& name, std::int64_t& x, const json& v) {
  x = number<std::int64_t>(name, "a whole number", v);
}
void assign(const std::string& name, double& x, const json& v) { x = number<double>(name, "a number", v); }
void assign(const std::string& name, std::optional<std::int64_t>& x, const json& v) {
  if (v.is_null())
    x.reset();
  else
    x = number<std::int64_t>(name, "a whole number", v);
}
void assign(const std::string& name, bool& x, const json& v) {
  if (!v.is_boolean()) refuse(name, "true or false", v);
  x = v.get<bool>();
}
void assign(const std::string& name, std::string& x, const json& v) {
  if (!v.is_string()) refuse(name, "a text", v);
  x = v.get<std::string>();
}
template <class T>
void assign(const std::string& name, std::vector<T>& x, const json& v) {
  std::vector<T> all;
  const auto add = [&](const json& element) { assign(name, all.emplace_back(), element); };
  if (v.is_array())
    for (const json& element : v) add(element);
  else
    add(v);
  x = std::move(all);
}

template <class T>
json value_of(const T& x) {
  return x;
}
json value_of(const std::optional<std::int64_t>& x) { return x ? json(*x) : json(nullptr); }

template <class T>
constexpr ConfigOption::Kind kind_of() {
  return ConfigOption::Kind::value;
}
template <>
constexpr ConfigOption::Kind kind_of<bool>() {
  return ConfigOption::Kind::flag;
}
template <>
constexpr ConfigOption::Kind kind_of<std::vector<std::string>>() {
  return ConfigOption::Kind::list;
}
template <>
constexpr ConfigOption::Kind kind_of<std::vector<double>>() {
  return ConfigOption::Kind::list;
}

enum Weight : std::uint8_t { decides, free };

template <class T>
const char* number_metavar() {
  static_assert(std::is_arithmetic_v<T> || std::is_same_v<T, std::optional<std::int64_t>>, "give a metavar");
  if constexpr (std::is_same_v<T, bool>) return "";
  return std::is_same_v<T, double> ? "FLOAT" : "INT";
}

template <class T>
ConfigOption option(const char* section, const char* name, T TrainConfig::*member, const char* metavar,
                    const char* help, Weight weight = decides) {
  const std::string key = name;
  return {key,
          section,
          metavar,
          help,
          kind_of<T>(),
          weight == decides,
          [member](const TrainConfig& c) { return value_of(c.*member); },
          [member, key](TrainConfig& c, const json& v) { assign(key, c.*member, v); }};
}

// Numbers and switches say themselves what they take.
template <class T>
ConfigOption option(const char* section, const char* name, T TrainConfig::*member, const char* help,
                    Weight weight = decides) {
  return option(section, name, member, number_metavar<T>(), help, weight);
}

// A list whose elements may hold commas: regular expressions.
ConfigOption repeated(ConfigOption o) {
  o.kind = ConfigOption::Kind::repeated;
  return o;
}

}  // namespace

const std::vector<ConfigOption>& config_options() {
  using C = TrainConfig;
  static const std::vector<ConfigOption> all{
      option("data", "data", &C::data, "SRC",
             "Data source: fashion-mnist[:DIR], folder:DIR, csv:FILE, ... (see datasets)"),
      option("data", "image-column", &C::image_column, "NAME", "csv: column of the path"),
      option("data", "label-columns", &C::label_columns, "NAME,...",
             "csv: column(s) of the label; several mean multi-label"),
      option("data", "group-column", &C::group_column, "NAME",
             "csv: column of the patient; splits keep groups together"),
      option("data", "split-column", &C::split_column, "NAME", "csv: column that says train, val or test"),
      option("data", "val-fraction", &C::val_fraction, "Share of the training groups kept for validation if none is"),
      option("data", "workers", &C::workers, "Loader threads; 0 loads in the training thread", free),
      option("data", "prefetch", &C::prefetch, "Batches that wait ready at most", free),
      option("data", "balanced", &C::balanced, "Draw classes equally often"),
      option("data", "on-bad-image", &C::on_bad_image, "NAME", "error, or skip: count damaged files and go on"),

      option("pictures", "image-size", &C::image_size, "Side of the picture [default: the model's; with pad, its own]"),
      option("pictures", "channels", &C::channels, "1 or 3 [default: what the pictures have]"),
      option("pictures", "resize-short", &C::resize_short, "Short side before the centre crop [default: image-size]"),
      option("pictures", "random-crop", &C::random_crop, "Random resized crop"),
      option("pictures", "crop-scale-min", &C::crop_scale_min, "random-crop: smallest share of the area"),
      option("pictures", "flip", &C::flip, "Flip left-right at random"),
      option("pictures", "vertical-flip", &C::vertical_flip, "Flip upside down at random"),
      option("pictures", "rotate", &C::rotate, "Rotate at random by up to so many degrees"),
      option("pictures", "jitter", &C::jitter, "Vary brightness, contrast and saturation by up to this share"),
      option("pictures", "pad", &C::pad, "Black pixels added on each side"),
      option("pictures", "normalize", &C::normalize, "NAME",
             "auto (statistics of the training split), imagenet, none, or MEAN,.../STD,..."),

      option("model", "model", &C::model, "NAME", "Network (see models)"),
      option("model", "classes", &C::classes, "Classes expected; 0 takes the data's"),
      option("model", "weights", &C::weights, "FILE", "Start from this checkpoint; a head of another size starts anew"),
      option("model", "init", &C::init, "NAME", "he, he-uniform, xavier, xavier-uniform, trunc-normal or torch"),
      option("model", "init-seed", &C::init_seed, "Seed of the initial weights [default: seed]"),
      repeated(option("model", "freeze", &C::freeze, "REGEX",
                      "Parameters that match REGEX are not trained; may be repeated")),
      repeated(option("model", "freeze-bn-stats", &C::freeze_bn_stats, "REGEX",
                      "Batch norms that match REGEX keep their statistics")),
      option("model", "recompute", &C::recompute, "Run blocks again in backward to save memory"),

      option("optim", "epochs", &C::epochs, "Passes over the training data"),
      option("optim", "max-steps", &C::max_steps, "Stop after so many steps in all; 0 = no limit", free),
      option("optim", "batch-size", &C::batch_size, "Images a step"),
      option("optim", "optimizer", &C::optimizer, "NAME", "sgd, adam, adamw or rmsprop"),
      option("optim", "lr", &C::lr, "Learning rate"),
      option("optim", "momentum", &C::momentum, "sgd, rmsprop"),
      option("optim", "dampening", &C::dampening, "sgd"),
      option("optim", "nesterov", &C::nesterov, "sgd"),
      option("optim", "beta1", &C::beta1, "adam, adamw"),
      option("optim", "beta2", &C::beta2, "adam, adamw"),
      option("optim", "eps", &C::eps, "adam, adamw, rmsprop"),
      option("optim", "alpha", &C::alpha, "rmsprop: smoothing"),
      option("optim", "weight-decay", &C::weight_decay, "Weight decay"),
      option("optim", "norm-decay", &C::norm_decay, "Decay norm weights and biases too"),
      repeated(option("optim", "lr-mult", &C::lr_mult, "REGEX=FACTOR",
                      "REGEX=FACTOR on the rate of parameters that match; may be repeated")),
      repeated(option("optim", "group-weight-decay", &C::group_weight_decay, "REGEX=DECAY",
                      "REGEX=DECAY for parameters that match; may be repeated")),
      option("optim", "clip-grad-norm", &C::clip_grad_norm, "Largest joint norm of the gradients; 0 = any"),
      option("optim", "ema-decay", &C::ema_decay, "Evaluate an average of the weights with this decay; 0 = off"),
      option("optim", "precision", &C::precision, "NAME",
             "f32; bf16 or f16: activations have 16 bits, weights and their updates stay f32 (CUDA devices)"),
      option("optim", "loss-scale", &C::loss_scale,
             "f16: what the loss is multiplied by at first; halved by a step that overflows, which is skipped"),
      option("optim", "label-smoothing", &C::label_smoothing, "Share of the target spread over all classes"),
      option("optim", "class-weights", &C::class_weights, "NAME",
             "none, or balanced: rare classes weigh more in the loss"),
      option("optim", "pos-weight", &C::pos_weight, "NAME", "multi-label: none, balanced, or a number"),

      option("schedule", "schedule", &C::schedule, "NAME",
             "constant, step, multi-step, cosine, exponential or plateau"),
      option("schedule", "schedule-per", &C::schedule_per, "NAME", "step or epoch: how often the rate moves"),
      option("schedule", "warmup-epochs", &C::warmup_epochs, "Linear warm-up before the schedule"),
      option("schedule", "warmup-factor", &C::warmup_factor, "Where the warm-up starts, as a share of lr"),
      option("schedule", "step-size", &C::step_size, "step: epochs between two drops"),
      option("schedule", "gamma", &C::gamma, "step, multi-step, exponential: factor"),
      option("schedule", "milestones", &C::milestones, "FLOAT,...", "multi-step: epochs of the drops"),
      option("schedule", "min-lr", &C::min_lr, "cosine: where it ends; plateau: never below"),
      option("schedule", "plateau-factor", &C::plateau_factor, "plateau: factor of a drop"),
      option("schedule", "plateau-patience", &C::plateau_patience, "plateau: epochs without progress that are borne"),
      option("schedule", "plateau-threshold", &C::plateau_threshold, "plateau: relative progress that counts"),
      option("schedule", "plateau-cooldown", &C::plateau_cooldown, "plateau: epochs after a drop that do not count"),

      option("run", "early-stop", &C::early_stop, "METRIC:PATIENCE",
             "METRIC:PATIENCE: stop after so many epochs without a better value"),
      option("run", "best-metric", &C::best_metric, "METRIC",
             "Metric that chooses best.safetensors [auto: accuracy or auc]"),
      option("run", "save-every", &C::save_every, "Steps between saves inside an epoch; 0 = only after epochs", free),
      option("run", "log-every", &C::log_every, "Steps between rows of the training loss"),
      option("run", "seed", &C::seed, "Seed of everything random"),
      option("run", "device", &C::device, "NAME",
             "cpu; cuda; reference (double-precision loops); cuda-emulated (CUDA kernels on the CPU: slow)"),
      option("run", "check-backend", &C::check_backend, "NAME",
             "Compute steps on this device too (cpu, reference) and stop where loss or gradients are apart", free),
      option("run", "every", &C::every, "check-backend: steps from one comparison to the next", free),
      option("run", "tf32", &C::tf32,
             "cuda: let libraries round f32 factors to TF32 for tensor cores: faster, less exact"),
      option("run", "conv", &C::conv, "NAME",
             "cuda: auto takes cuDNN's convolutions where they are there; own, our kernels"),
      option("run", "matmul", &C::matmul, "NAME",
             "cuda: auto takes cuBLAS's products where they are there; own, our kernels"),
      option("run", "cuda-graph", &C::cuda_graph, "NAME",
             "CUDA devices: on records the step where shapes repeat and runs the recording (a CUDA graph); off, never",
             free),
      repeated(option("run", "kernel", &C::kernel, "NAME=N",
                      "CUDA devices: step N of a kernel's ladder (docs/ladder); may be repeated")),
      option("run", "threads", &C::threads, "Threads [0 = one per core]", free),
      option("run", "memory-limit", &C::memory_limit, "Most GiB that tensors may take; 0 = what the device has", free),
      option("run", "output-dir", &C::output_dir, "DIR", "Folder of the run", free),
      option("run", "resume", &C::resume, "Go on from the folder's last checkpoint", free),
  };
  return all;
}

}  // namespace engine

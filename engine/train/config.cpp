#include "engine/train/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/nn/init.h"
#include "engine/tensor/error.h"
#include "engine/tensor/suggest.h"
#include "engine/train/loss_scale.h"

namespace engine {
namespace {

using nlohmann::json;

const ConfigOption* find_option(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  for (const ConfigOption& o : config_options())
    if (name == o.name || name == o.section + "." + o.name) return &o;
  return nullptr;
}

bool is_section(const std::string& key) {
  return std::any_of(config_options().begin(), config_options().end(),
                     [&](const ConfigOption& o) { return o.section == key; });
}

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const ConfigOption& o : config_options()) names.push_back(o.name);
  return names;
}

void require(bool holds, const char* name, const auto& value, const char* expected) {
  if (!holds) throw UsageError("{}: expected {}, found {}", name, expected, value);
}

void one_of(const char* name, const std::string& value, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) == known.end())
    throw UsageError("{}: expected one of {}, found '{}'{}", name, fmt::join(known, ", "), value,
                     did_you_mean(value, known));
}

}  // namespace

void TrainConfig::set(const std::string& name, const json& value, const std::string& source) {
  const ConfigOption* o = find_option(name);
  if (!o) throw UsageError("unknown option '{}'{}", name, did_you_mean(name.substr(name.rfind('.') + 1), known_names()));
  o->set(*this, value);
  sources[o->name] = source;
}

void TrainConfig::load_file(const std::filesystem::path& path) { load_text(read_text(path, 1 << 24), path.string()); }

void TrainConfig::load_text(std::string_view text, const std::string& name) {
  json root;
  try {
    root = parse_json(text, name);
  } catch (const DataError& e) {
    throw UsageError("{}", e.what());
  }
  if (!root.is_object()) throw UsageError("{}: expected an object of options, found {}", name, root.type_name());
  const auto load = [&](const std::string& key, const json& value) {
    try {
      // A config.json of a run folder keeps the source beside each value.
      set(key, value.is_object() && value.contains("value") ? value.at("value") : value, "file");
    } catch (const UsageError& e) {
      throw UsageError("{}: {}", name, e.what());
    }
  };
  for (const auto& [key, value] : root.items()) {
    if (is_section(key) && value.is_object() && !value.contains("value"))
      for (const auto& [inner, v] : value.items()) load(key + "." + inner, v);
    else
      load(key, value);
  }
}

void TrainConfig::validate() const {
  require(!data.empty(), "data", "nothing", "a data source (--data SRC)");
  require(!model.empty(), "model", "nothing", "a network (--model NAME)");
  require(!output_dir.empty(), "output-dir", "nothing", "a folder (--output-dir DIR)");
  require(epochs >= 1, "epochs", epochs, "at least 1");
  require(max_steps >= 0, "max-steps", max_steps, "at least 0");
  require(batch_size >= 1 && batch_size <= 1 << 20, "batch-size", batch_size, "1 to 1048576");
  require(workers >= 0 && workers <= 1024, "workers", workers, "0 to 1024");
  require(prefetch >= 1 && prefetch <= 1024, "prefetch", prefetch, "1 to 1024");
  require(val_fraction >= 0.0 && val_fraction < 1.0, "val-fraction", val_fraction, "at least 0 and below 1");
  require(image_size >= 0 && image_size <= 1 << 14, "image-size", image_size, "0 to 16384");
  require(pad >= 0 && pad <= 4096, "pad", pad, "0 to 4096");
  require(rotate >= 0.0 && rotate <= 180.0, "rotate", rotate, "0 to 180");
  require(jitter >= 0.0 && jitter <= 1.0, "jitter", jitter, "0 to 1");
  require(crop_scale_min > 0.0 && crop_scale_min <= 1.0, "crop-scale-min", crop_scale_min, "above 0, at most 1");
  require(classes >= 0, "classes", classes, "at least 0");
  require(clip_grad_norm >= 0.0, "clip-grad-norm", clip_grad_norm, "at least 0");
  require(ema_decay >= 0.0 && ema_decay < 1.0, "ema-decay", ema_decay, "at least 0 and below 1");
  require(label_smoothing >= 0.0 && label_smoothing < 1.0, "label-smoothing", label_smoothing,
          "at least 0 and below 1");
  require(save_every >= 0, "save-every", save_every, "at least 0");
  require(log_every >= 1, "log-every", log_every, "at least 1");
  require(threads >= 0 && threads <= 4096, "threads", threads, "0 to 4096");
  require(every >= 1, "every", every, "at least 1");
  if (!check_backend.empty()) {
    one_of("check-backend", check_backend, {"cpu", "reference"});
    if (check_backend == device) throw UsageError("check-backend: {} is the device that is to be checked", device);
  }
  require(memory_limit >= 0.0 && memory_limit <= 1e6, "memory-limit", memory_limit, "0 to 1000000");
  require(warmup_epochs < static_cast<double>(epochs), "warmup-epochs", warmup_epochs, "fewer than epochs");
  one_of("on-bad-image", on_bad_image, {"error", "skip"});
  require(channels == 0 || channels == 1 || channels == 3, "channels", channels, "1 or 3, or 0 to see");
  require(resize_short >= 0 && resize_short <= 1 << 14, "resize-short", resize_short, "0 to 16384");
  one_of("schedule-per", schedule_per, {"step", "epoch"});
  one_of("conv", conv, {"auto", "own", "library"});
  one_of("matmul", matmul, {"auto", "own", "library"});
  one_of("cuda-graph", cuda_graph, {"on", "off"});
  one_of("precision", precision, {"f32", "bf16", "f16"});
  if (precision != "f32" && device == "cpu")
    throw UsageError("precision: device cpu computes in f32; expected f32, found {} (or --device cuda)", precision);
  require(loss_scale >= 1.0 && loss_scale <= LossScale::largest, "loss-scale", loss_scale, "1 to 16777216");
  one_of("class-weights", class_weights, {"none", "balanced"});
  nn::parse_scheme(init);
  Schedule{schedule_options()};
  optimizer_options();
}

nlohmann::ordered_json TrainConfig::to_json() const {
  nlohmann::ordered_json j;
  for (const ConfigOption& o : config_options()) j[o.name] = o.get(*this);
  return j;
}

nlohmann::ordered_json TrainConfig::to_json_with_sources() const {
  nlohmann::ordered_json j;
  for (const ConfigOption& o : config_options()) {
    const auto source = sources.find(o.name);
    j[o.name] = {{"value", o.get(*this)}, {"source", source == sources.end() ? "default" : source->second}};
  }
  return j;
}

nlohmann::ordered_json TrainConfig::decisive() const {
  nlohmann::ordered_json j;
  for (const ConfigOption& o : config_options())
    if (o.decisive) j[o.name] = o.get(*this);
  return j;
}

std::string TrainConfig::hash() const {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : decisive().dump()) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return fmt::format("{:016x}", h);
}

DType TrainConfig::compute_dtype() const {
  return dtype_named(precision).value_or(DType::f32);  // validate() refuses other names
}

OptimizerOptions TrainConfig::optimizer_options() const {
  OptimizerOptions o;
  o.kind = parse_optimizer(optimizer);
  o.lr = lr;
  o.weight_decay = weight_decay;
  o.decay_norm_and_bias = norm_decay;
  // Adam has no such thing; the default of SGD must not look like a choice there.
  o.momentum = o.kind == OptimizerKind::sgd || o.kind == OptimizerKind::rmsprop ? momentum : 0.0;
  o.dampening = dampening;
  o.nesterov = nesterov;
  o.beta1 = beta1;
  o.beta2 = beta2;
  o.eps = eps;
  o.alpha = alpha;
  for (const std::string& text : lr_mult) {
    const auto [regex, factor] = parse_regex_number("lr-mult", text);
    o.groups.push_back({regex, factor, std::nullopt});
  }
  for (const std::string& text : group_weight_decay) {
    const auto [regex, decay] = parse_regex_number("group-weight-decay", text);
    o.groups.push_back({regex, std::nullopt, decay});
  }
  return o;
}

ScheduleOptions TrainConfig::schedule_options() const {
  ScheduleOptions o;
  o.kind = parse_schedule(schedule);
  o.base_lr = lr;
  o.warmup_epochs = warmup_epochs;
  o.warmup_start_factor = warmup_factor;
  o.gamma = gamma;
  o.step_size = step_size;
  o.milestones = milestones;
  o.t_max = static_cast<double>(epochs) - warmup_epochs;
  o.eta_min = min_lr;
  o.min_lr = min_lr;
  o.factor = plateau_factor;
  o.threshold = plateau_threshold;
  o.patience = static_cast<int>(std::clamp<std::int64_t>(plateau_patience, -1, 1 << 30));
  o.cooldown = static_cast<int>(std::clamp<std::int64_t>(plateau_cooldown, -1, 1 << 30));
  return o;
}

std::vector<std::string> config_differences(const json& here, const json& there) {
  std::vector<std::string> all;
  const json defaults = TrainConfig().decisive();
  for (const auto& [key, value] : here.items()) {
    const json other = there.contains(key) ? there.at(key) : defaults.value(key, json(nullptr));
    if (value != other)
      all.push_back(fmt::format("{}: {} here, {} in the checkpoint", key, value.dump(), other.dump()));
  }
  return all;
}

std::pair<std::string, double> parse_regex_number(const std::string& option, const std::string& text) {
  const std::size_t equals = text.rfind('=');
  double x = 0.0;
  if (equals != std::string::npos && equals > 0) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + equals + 1, end, x);
    if (parsed.ec == std::errc() && parsed.ptr == end) return {text.substr(0, equals), x};
  }
  throw UsageError("{}: expected REGEX=NUMBER, found '{}'", option, text);
}

}  // namespace engine

#include "engine/train/model_setup.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "engine/data/normalization.h"
#include "engine/nn/init.h"
#include "kernels/backend.h"

namespace engine {
namespace {

constexpr std::size_t pictures_to_look_at = 8;

// Grey only if all of a few pictures spread over the set are.
int channels_of(const Dataset& data) {
  const std::size_t n = std::min(data.size(), pictures_to_look_at);
  for (std::size_t i = 0; i < n; ++i)
    if (data.load(i * data.size() / n).channels > 2) return 3;
  return 1;
}

std::vector<float> parse_floats(const std::string& text) {
  std::vector<float> all;
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    float x = 0.0f;
    const auto [next, error] = std::from_chars(at, end, x);
    if (error != std::errc() || (next != end && *next != ','))
      throw UsageError("normalize: expected numbers with commas between, found '{}'", text);
    all.push_back(x);
    at = next == end ? end : next + 1;
  }
  return all;
}

Normalization parse_normalization(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos)
    throw UsageError("normalize: expected auto, imagenet, none or MEAN,.../STD,..., found '{}'", text);
  return {parse_floats(text.substr(0, slash)), parse_floats(text.substr(slash + 1))};
}

TransformPlan make_plan(const TrainConfig& c, const Dataset& train, int channels) {
  TransformPlan plan;
  plan.channels = channels;
  if (c.image_size > 0) {
    plan.height = plan.width = static_cast<int>(c.image_size);
  } else if (c.pad > 0) {
    const Image first = train.load(0);
    plan.height = first.height;
    plan.width = first.width;
  } else {
    plan.height = plan.width = static_cast<int>(models::model_info(c.model).input);
  }
  plan.resize_short = static_cast<int>(c.resize_short);
  plan.pad = static_cast<int>(c.pad);
  plan.random_resized_crop = c.random_crop;
  plan.crop_scale_low = static_cast<float>(c.crop_scale_min);
  plan.horizontal_flip = c.flip;
  plan.vertical_flip = c.vertical_flip;
  plan.rotate_degrees = static_cast<float>(c.rotate);
  const auto jitter = static_cast<float>(c.jitter);
  plan.jitter = {jitter, jitter, channels == 3 ? jitter : 0.0f, 0.0f};
  plan.check();
  if (c.normalize == "none") return plan;
  const Normalization n = c.normalize == "auto"       ? compute_normalization(train, plan, static_cast<int>(c.workers))
                          : c.normalize == "imagenet" ? imagenet_normalization
                                                      : parse_normalization(c.normalize);
  plan.mean = n.mean;
  plan.deviation = n.deviation;
  plan.check();
  return plan;
}

// The shape of a tensor by which weights of `model` are known; it must have `rank` dimensions.
Shape shape_in(const SafetensorsFile& file, const std::string& model, const std::string& name, std::size_t rank) {
  const SafetensorsFile::Entry* e = file.find(name);
  if (!e)
    throw CheckpointError("{}: expected weights of {}, found {} without '{}'", file.name(), model, contents_of(file),
                          name);
  if (e->shape.dims().size() != rank)
    throw CheckpointError("{}: tensor '{}': expected {} dimensions, found {}", file.name(), name, rank, e->shape.str());
  return e->shape;
}

std::int64_t channels_in(const SafetensorsFile& file, const std::string& model) {
  return shape_in(file, model, models::make_model(model, {1, 1})->parameters().front()->name, 4)[1];
}

// All but the head must fit: half a network would be trained as if it were a whole one.
std::string load_weights(models::Classifier& model, const SafetensorsFile& file) {
  const std::string head = model.head().path() + ".";
  std::vector<NamedTensor> body, top;
  bool top_fits = true;
  for (const NamedTensor& t : model_tensors(model)) {
    const bool of_head = t.name.starts_with(head);
    (of_head ? top : body).push_back(t);
    const SafetensorsFile::Entry* e = file.find(t.name);
    if (of_head && !(e && e->shape == t.value.shape())) top_fits = false;
  }
  const std::string holds = contents_of(file);
  load_tensors(file, body, "", holds);
  if (top_fits) load_tensors(file, top, "", holds);
  return fmt::format("weights from {} ({}): {} tensors; the head {}\n", file.name(), holds,
                     body.size() + (top_fits ? top.size() : 0), top_fits ? "too" : "starts anew");
}

TransformPlan prepared_by(const Checkpoint& c) {
  TransformPlan plan = transform_plan_from_json(c.get<nlohmann::json>("/preparation"));
  plan.check();
  return plan;
}

ModelSetup plain_setup(const SafetensorsFile& file, const std::string& name, Device device) {
  const std::int64_t channels = channels_in(file, name);
  const Shape head = shape_in(file, name, models::make_model(name, {1, 1})->head().path() + ".weight", 2);
  ModelSetup s;
  s.name = name;
  s.plain = true;
  for (std::int64_t c = 0; c < head[0]; ++c) s.classes.push_back(std::to_string(c));
  s.preparation.channels = static_cast<int>(channels);
  s.preparation.height = s.preparation.width = static_cast<int>(models::model_info(name).input);
  s.model = models::make_model(name, {head[0], channels});
  load_tensors(file, model_tensors(*s.model), "", contents_of(file));
  s.model->to(device);
  s.model->set_training(false);
  return s;
}

const char* name_of(Task t) { return t == Task::multi_class ? "multi_class" : "multi_label"; }

}  // namespace

nlohmann::json ModelSetup::meta() const {
  return {{"model", {{"name", name}, {"classes", classes}, {"task", name_of(task)}}},
          {"preparation", to_json(preparation)}};
}

ModelSetup make_setup(const TrainConfig& c, const Dataset& train, const Checkpoint* resumed, std::string& report) {
  if (train.size() == 0) throw DataError("{}: no picture to train on", train.name());
  ModelSetup s;
  s.name = c.model;
  s.task = train.task();
  s.classes = train.classes();
  if (c.classes > 0 && static_cast<std::size_t>(c.classes) != s.classes.size())
    throw UsageError("classes: {} asked for, {} has {}", c.classes, train.name(), s.classes.size());
  if (resumed) {
    s.preparation = prepared_by(*resumed);
    s.model = models::make_model(c.model, {static_cast<std::int64_t>(s.classes.size()), s.preparation.channels});
    return s;  // its weights follow with the rest of the run
  }
  std::optional<SafetensorsFile> weights;
  if (!c.weights.empty()) weights.emplace(c.weights);
  const int channels = c.channels > 0 ? static_cast<int>(c.channels)
                       : weights      ? static_cast<int>(channels_in(*weights, c.model))
                                      : channels_of(train);
  const auto seed = static_cast<std::uint64_t>(c.init_seed.value_or(c.seed));
  s.model = models::make_model(c.model, {static_cast<std::int64_t>(s.classes.size()), channels});
  nn::initialize(*s.model, nn::parse_scheme(c.init), seed);
  s.preparation = make_plan(c, train, channels);
  report = fmt::format("{}: {} parameters, {} classes, input {}x{}x{}\ninitialised with {} from seed {}\n", c.model,
                       nn::parameter_count(*s.model), s.classes.size(), channels, s.preparation.output_height(),
                       s.preparation.output_width(), c.init, seed);
  if (weights) report += load_weights(*s.model, *weights);
  return s;
}

ModelSetup load_setup(const Checkpoint& checkpoint, Device device) {
  ModelSetup s;
  s.name = checkpoint.get<std::string>("/model/name");
  s.classes = checkpoint.get<std::vector<std::string>>("/model/classes");
  s.task = checkpoint.get<std::string>("/model/task") == "multi_label" ? Task::multi_label : Task::multi_class;
  s.preparation = prepared_by(checkpoint);
  const auto classes = static_cast<std::int64_t>(s.classes.size());
  s.model = models::make_model(s.name, {classes, s.preparation.channels});
  checkpoint.load(model_tensors(*s.model), checkpoint.has_ema() ? "ema." : "");
  s.model->to(device);
  s.model->set_training(false);
  return s;
}

ModelSetup open_setup(const std::filesystem::path& path, const std::string& name, Device device) {
  SafetensorsFile file(path);
  if (Checkpoint::is_one(file)) {
    ModelSetup s = load_setup(Checkpoint(std::move(file)), device);
    if (!name.empty() && name != s.name)
      throw CheckpointError("{}: expected weights of {}, found those of {}", path.string(), name, s.name);
    return s;
  }
  if (name.empty())
    throw CheckpointError("{}: no checkpoint of engine_train but plain tensors: say with --model whose they are",
                          path.string());
  return plain_setup(file, name, device);
}

DataOptions data_options(const TrainConfig& c) {
  DataOptions o;
  o.csv.image_column = c.image_column;
  o.csv.label_columns = c.label_columns;
  o.csv.group_column = c.group_column;
  o.csv.split_column = c.split_column;
  o.val_fraction = c.val_fraction;
  o.seed = static_cast<std::uint64_t>(c.seed);
  return o;
}

TrainConfig checkpoint_config(const Checkpoint& checkpoint) {
  TrainConfig config;
  const auto saved = checkpoint.get<nlohmann::json>("/config");
  try {
    for (const auto& [key, value] : saved.items()) config.set(key, value, "file");
  } catch (const UsageError& e) {
    throw CheckpointError("{}: configuration: {}", checkpoint.file().name(), e.what());
  }
  return config;
}

void check_classes(const ModelSetup& setup, const Dataset& data) {
  if (data.task() != setup.task)
    throw DataError("{}: the model was trained on {} data", data.name(), name_of(setup.task));
  if (data.classes() != setup.classes)
    throw DataError("{}: its classes ({}) are not the model's ({})", data.name(), fmt::join(data.classes(), ", "),
                    fmt::join(setup.classes, ", "));
}

std::filesystem::path run_checkpoint(const std::filesystem::path& folder) {
  for (const char* name : {"best.safetensors", "last.safetensors"})
    if (std::filesystem::exists(folder / name)) return folder / name;
  throw CheckpointError("{}: no best.safetensors and no last.safetensors there", folder.string());
}

}  // namespace engine

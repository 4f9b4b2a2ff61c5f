#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

#include "engine/io/safetensors.h"
#include "engine/train/model_setup.h"
#include "models/registry.h"
#include "models/summary.h"
#include "tools/input_shape.h"
#include "tools/verb.h"

namespace engine::tools::inspect_verb {
namespace {

namespace fs = std::filesystem;

struct Options {
  Common common;
  std::string subject;
  std::int64_t classes = 1000;
  std::string input;
};

// A name in the registry is a model; else a run folder or a weight file that exists.
bool is_model(const std::string& subject) {
  for (const auto& info : models::model_list())
    if (info.name == subject) return true;
  return false;
}

nlohmann::json to_json(const models::ModelSummary& s) {
  nlohmann::json layers = nlohmann::json::array();
  for (const models::LayerSummary& l : s.layers)
    layers.push_back({{"path", l.path},
                      {"layer", l.description},
                      {"output", l.output.dims()},
                      {"parameters", l.parameters},
                      {"macs", l.macs},
                      {"activation_bytes", l.activation_bytes}});
  return {{"parameters_total", s.parameters},
          {"macs_total", s.macs},
          {"activation_bytes_total", s.activation_bytes},
          {"layers", layers}};
}

void print(const models::ModelSummary& s, const std::string& input) {
  std::cout << fmt::format("{:<26} {:<44} {:>20} {:>11} {:>10} {:>12}\n", "path", "layer", "output", "parameters",
                           "MMACs", "activation");
  for (const models::LayerSummary& l : s.layers)
    std::cout << fmt::format("{:<26} {:<44} {:>20} {:>11} {:>10.2f} {:>8.0f} KiB\n", l.path, l.description,
                             l.output.str(), l.parameters, static_cast<double>(l.macs) * 1e-6,
                             static_cast<double>(l.activation_bytes) / 1024.0);
  std::cout << fmt::format("\nparameters {}, {:.3f} GMACs and {:.1f} MiB of activations for one {} image\n",
                           s.parameters, static_cast<double>(s.macs) * 1e-9,
                           static_cast<double>(s.activation_bytes) / (1024.0 * 1024.0), input);
}

// The network `name` on one image; what is found goes to standard output and into the JSON that comes back.
nlohmann::json inspect_network(const Options& o, const std::string& name, std::int64_t classes,
                               const std::string& input) {
  const Shape chw = parse_input(input);
  const auto model = models::make_model(name, {classes, chw[0]});
  const models::ModelSummary s = models::summarize(*model, {1, chw[0], chw[1], chw[2]});
  if (prints_table(o.common)) {
    std::cout << models::model_info(name).summary << "\n\n";
    print(s, input);
  }
  nlohmann::json j = to_json(s);
  j["model"] = name;
  j["classes"] = classes;
  j["input"] = input;
  return j;
}

ExitCode inspect_model(const Options& o) {
  const std::int64_t side = models::model_info(o.subject).input;
  write_json(o.common,
             inspect_network(o, o.subject, o.classes, o.input.empty() ? fmt::format("3x{}x{}", side, side) : o.input));
  return ExitCode::ok;
}

// A checkpoint tells its network, its classes and the size of its pictures.
nlohmann::json inspect_network_of(const Options& o, SafetensorsFile file) {
  if (!Checkpoint::is_one(file)) return nlohmann::json::object();
  const Checkpoint c(std::move(file));
  const TransformPlan plan = transform_plan_from_json(c.get<nlohmann::json>("/preparation"));
  const auto classes = c.get<std::vector<std::string>>("/model/classes");
  nlohmann::json j = inspect_network(
      o, c.get<std::string>("/model/name"), static_cast<std::int64_t>(classes.size()),
      o.input.empty() ? fmt::format("{}x{}x{}", plan.channels, plan.output_height(), plan.output_width()) : o.input);
  j["provenance"] = c.meta();
  if (prints_table(o.common)) std::cout << '\n';
  return j;
}

struct Statistics {
  double mean = 0, deviation = 0, low = 0, high = 0;
  std::int64_t nonfinite = 0;
};

Statistics statistics_of(const std::vector<double>& values) {
  Statistics s;
  if (values.empty()) return s;
  s.low = INFINITY, s.high = -INFINITY;
  double sum = 0, squares = 0;
  std::int64_t n = 0;
  for (double v : values) {
    if (!std::isfinite(v)) {
      ++s.nonfinite;
      continue;
    }
    sum += v, ++n;
    s.low = std::min(s.low, v), s.high = std::max(s.high, v);
  }
  if (n == 0) return {NAN, NAN, NAN, NAN, s.nonfinite};
  s.mean = sum / static_cast<double>(n);
  for (double v : values)
    if (std::isfinite(v)) squares += (v - s.mean) * (v - s.mean);
  s.deviation = std::sqrt(squares / static_cast<double>(n));
  return s;
}

ExitCode inspect_file(const Options& o, const fs::path& path) {
  const SafetensorsFile file(path);
  nlohmann::json j = inspect_network_of(o, SafetensorsFile(path));
  nlohmann::json rows = nlohmann::json::array();
  std::int64_t total = 0;
  if (prints_table(o.common))
    std::cout << fmt::format("{}\n\n{:<44} {:<5} {:>20} {:>11} {:>11} {:>11} {:>11}\n", path.string(), "tensor", "type",
                             "shape", "mean", "deviation", "smallest", "largest");
  for (const auto& e : file.entries()) {
    const Statistics s = statistics_of(file.values<double>(e.name));
    // What an optimiser keeps beside a weight is not one.
    const bool weight = !e.name.starts_with("optim.") && !e.name.starts_with("ema.");
    if (weight && !e.name.ends_with("running_mean") && !e.name.ends_with("running_var")) total += e.shape.numel();
    rows.push_back({{"name", e.name},
                    {"dtype", name_of(e.dtype)},
                    {"shape", e.shape.dims()},
                    {"mean", s.mean},
                    {"deviation", s.deviation},
                    {"min", s.low},
                    {"max", s.high},
                    {"nonfinite", s.nonfinite}});
    if (prints_table(o.common))
      std::cout << fmt::format("{:<44} {:<5} {:>20} {:>11.4g} {:>11.4g} {:>11.4g} {:>11.4g}{}\n", e.name,
                               name_of(e.dtype), e.shape.str(), s.mean, s.deviation, s.low, s.high,
                               s.nonfinite ? fmt::format("  {} not finite", s.nonfinite) : "");
  }
  if (prints_table(o.common)) {
    std::cout << fmt::format("\nparameters {}\n", total);
    for (const auto& [key, value] : file.metadata())
      std::cout << fmt::format("{}: {}{}\n", key, value.substr(0, 100), value.size() > 100 ? " ..." : "");
  }
  j["file"] = path.string();
  j["parameters_total"] = total;
  j["tensors"] = rows;
  j["metadata"] = file.metadata();
  write_json(o.common, std::move(j));
  return ExitCode::ok;
}

ExitCode run(Options& o) {
  open_device(o.common);
  if (is_model(o.subject)) return inspect_model(o);
  if (fs::is_directory(o.subject)) return inspect_file(o, run_checkpoint(o.subject));
  if (fs::exists(o.subject)) return inspect_file(o, o.subject);
  if (o.subject.find_first_of("/.") != std::string::npos)
    throw DataError("{}: no such file or folder, and no model", o.subject);
  models::model_info(o.subject);  // throws with the nearest name
  return ExitCode::usage;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer(
      "Examples:\n"
      "  engine_train inspect resnet50 --classes 5 --input 3x512x512\n"
      "  engine_train inspect runs/a\n"
      "  engine_train inspect runs/a/last.safetensors --json -");
  app.add_option("WHAT", o->subject, "A model's name, a .safetensors file, or a run folder")->required();
  app.add_option("--classes", o->classes, "Classes of the head")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--input", o->input, "Channels, height and width of one image [default: the usual]")
      ->type_name("CxHxW");
  add_device_flags(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("inspect", "Layers, shapes, parameters, MACs of a model; statistics of a weight file", set_up);

}  // namespace
}  // namespace engine::tools::inspect_verb

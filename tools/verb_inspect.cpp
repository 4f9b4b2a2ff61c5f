#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

#include "engine/io/safetensors.h"
#include "models/registry.h"
#include "models/summary.h"
#include "tools/input_shape.h"
#include "tools/verb.h"

namespace engine::tools {
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

ExitCode inspect_model(const Options& o) {
  const models::ModelInfo& info = models::model_info(o.subject);
  const std::string input = o.input.empty() ? fmt::format("3x{}x{}", info.input, info.input) : o.input;
  const Shape chw = parse_input(input);
  const auto model = models::make_model(o.subject, {o.classes, chw[0]});
  const models::ModelSummary s = models::summarize(*model, {1, chw[0], chw[1], chw[2]});
  nlohmann::json layers = nlohmann::json::array();
  for (const models::LayerSummary& l : s.layers)
    layers.push_back({{"path", l.path}, {"layer", l.description}, {"output", l.output.dims()},
                      {"parameters", l.parameters}, {"macs", l.macs}, {"activation_bytes", l.activation_bytes}});
  if (prints_table(o.common)) {
    std::cout << fmt::format("{}\n\n{:<26} {:<44} {:>20} {:>11} {:>10} {:>12}\n", info.summary, "path", "layer", "output",
                             "parameters", "MMACs", "activation");
    for (const models::LayerSummary& l : s.layers)
      std::cout << fmt::format("{:<26} {:<44} {:>20} {:>11} {:>10.2f} {:>8.0f} KiB\n", l.path, l.description,
                               l.output.str(), l.parameters, static_cast<double>(l.macs) * 1e-6,
                               static_cast<double>(l.activation_bytes) / 1024.0);
    std::cout << fmt::format("\nparameters {}, {:.3f} GMACs and {:.1f} MiB of activations for one {} image\n",
                             s.parameters, static_cast<double>(s.macs) * 1e-9,
                             static_cast<double>(s.activation_bytes) / (1024.0 * 1024.0), input);
  }
  write_json(o.common, {{"model", o.subject}, {"classes", o.classes}, {"input", input},
                        {"parameters_total", s.parameters}, {"macs_total", s.macs},
                        {"activation_bytes_total", s.activation_bytes}, {"layers", layers}});
  return ExitCode::ok;
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
  s.mean = sum / static_cast<double>(n);
  for (double v : values)
    if (std::isfinite(v)) squares += (v - s.mean) * (v - s.mean);
  s.deviation = std::sqrt(squares / static_cast<double>(n));
  return s;
}

ExitCode inspect_file(const Options& o, const fs::path& path) {
  const SafetensorsFile file(path);
  nlohmann::json rows = nlohmann::json::array();
  std::int64_t total = 0;
  if (prints_table(o.common))
    std::cout << fmt::format("{}\n\n{:<44} {:<5} {:>20} {:>11} {:>11} {:>11} {:>11}\n", path.string(), "tensor", "type", "shape",
                             "mean", "deviation", "smallest", "largest");
  for (const auto& e : file.entries()) {
    const Statistics s = statistics_of(file.values<double>(e.name));
    // What an optimiser keeps beside a weight is not one.
    const bool weight = !e.name.starts_with("optim.") && !e.name.starts_with("ema.");
    if (weight && !e.name.ends_with("running_mean") && !e.name.ends_with("running_var")) total += e.shape.numel();
    rows.push_back({{"name", e.name}, {"dtype", name_of(e.dtype)}, {"shape", e.shape.dims()}, {"mean", s.mean},
                    {"deviation", s.deviation}, {"min", s.low}, {"max", s.high}, {"nonfinite", s.nonfinite}});
    if (prints_table(o.common))
      std::cout << fmt::format("{:<44} {:<5} {:>20} {:>11.4g} {:>11.4g} {:>11.4g} {:>11.4g}{}\n", e.name, name_of(e.dtype),
                               e.shape.str(), s.mean, s.deviation, s.low, s.high,
                               s.nonfinite ? fmt::format("  {} not finite", s.nonfinite) : "");
  }
  if (prints_table(o.common)) {
    std::cout << fmt::format("\nparameters {}\n", total);
    for (const auto& [key, value] : file.metadata())
      std::cout << fmt::format("{}: {}{}\n", key, value.substr(0, 100), value.size() > 100 ? " ..." : "");
  }
  write_json(o.common, {{"file", path.string()}, {"parameters_total", total}, {"tensors", rows},
                        {"metadata", file.metadata()}});
  return ExitCode::ok;
}

ExitCode run(Options& o) {
  if (is_model(o.subject)) {
    open_device(o.common);
    return inspect_model(o);
  }
  if (fs::is_directory(o.subject)) {
    for (const char* name : {"best.safetensors", "last.safetensors"})
      if (fs::exists(fs::path(o.subject) / name)) return inspect_file(o, fs::path(o.subject) / name);
    throw DataError("{}: a run folder has best.safetensors or last.safetensors; this one has neither", o.subject);
  }
  if (fs::exists(o.subject)) return inspect_file(o, o.subject);
  models::model_info(o.subject);  // throws with the nearest name
  return ExitCode::usage;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.add_option("what", o->subject, "A model's name, a .safetensors file, or a run folder")->required();
  app.add_option("--classes", o->classes, "Classes of the head")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--input", o->input, "CHANNELSxHEIGHTxWIDTH of one image [default: the model's usual]");
  add_device_flags(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("inspect", "Layers, shapes, parameters, MACs of a model; statistics of a weight file", set_up);

}  // namespace
}  // namespace engine::tools

#include <fmt/core.h>

#include <iostream>
#include <memory>
#include <regex>

#include "bench/conformance/check.h"
#include "bench/step_check.h"
#include "models/registry.h"
#include "tools/verb.h"

namespace engine::tools::selfcheck_verb {
namespace {

using conformance::Case;
using conformance::Report;

constexpr const char* examples = R"(
Examples:
  engine_train selfcheck
  engine_train selfcheck --filter 'conv|norm' --seed 7
  engine_train selfcheck --device cuda --dtype bf16)";

struct Options {
  Common common;
  std::string filter;
  std::vector<std::string> dtypes;
  bool quick = false;
  bool training = false;
};

// What was asked for; else what training computes in, but where all of that takes minutes.
std::vector<DType> chosen_dtypes(Device device, const std::vector<std::string>& names) {
  std::vector<DType> chosen;
  for (const std::string& name : names) {
    const auto dtype = dtype_named(name);
    if (!dtype || !is_floating(*dtype)) throw UsageError("--dtype: expected f32, f16, bf16 or f64, found '{}'", name);
    const bool there =
        *dtype == DType::f32 || (*dtype == DType::f64 ? device == Device::reference : device != Device::cpu);
    if (!there) throw UsageError("--dtype: device {} does not compute in {}", name_of(device), name);
    chosen.push_back(*dtype);
  }
  if (!chosen.empty()) return chosen;
  if (device == Device::cuda) return {DType::f32, DType::f16, DType::bf16};
  return {device == Device::reference ? DType::f64 : DType::f32};
}

std::vector<const Case*> chosen_cases(const std::string& filter) {
  std::vector<const Case*> chosen;
  try {
    const std::regex wanted(filter);
    for (const Case& c : conformance::cases())
      if (std::regex_search(c.name, wanted)) chosen.push_back(&c);
  } catch (const std::regex_error& e) {
    throw UsageError("--filter '{}' is not a regular expression: {}", filter, e.what());
  }
  if (chosen.empty()) throw UsageError("--filter '{}' matches no case; engine_train ops lists them", filter);
  return chosen;
}

// Ten steps of every network where a GPU does them; of the smallest where they are simulated or done in double.
std::vector<bench::StepOptions> chosen_steps(Device device, const Common& common) {
  bench::StepOptions one;
  one.device = device;
  one.seed = common.seed;
  one.classes = 5;
  one.steps = 10;
  if (device == Device::cuda) {
    std::vector<bench::StepOptions> all;
    for (const models::ModelInfo& info : models::model_list()) {
      one.model = info.name;
      one.height = one.width = info.input;
      all.push_back(one);
    }
    return all;
  }
  if (device == Device::reference) return {};
  one.model = "cbr_tiny_1m";
  one.batch = 3;
  one.height = one.width = 35;
  return {one};
}

nlohmann::json check_training(Device device, const std::vector<DType>& dtypes, const Common& common) {
  nlohmann::json rows = nlohmann::json::array();
  const Device oracle = device == Device::cpu ? Device::reference : Device::cpu;
  for (bench::StepOptions step : chosen_steps(device, common))
    for (const DType dtype : dtypes) {
      step.precision = dtype;
      if (!common.quiet) std::cerr << fmt::format("training {} in {}\n", step.model, name_of(dtype));
      const bench::StepCheck r = bench::check_steps(step, oracle);
      rows.push_back({{"model", step.model},
                      {"dtype", name_of(dtype)},
                      {"steps", r.steps},
                      {"loss", r.loss},
                      {"weights", r.weights},
                      {"same_bits", r.same_bits},
                      {"ok", r.ok()}});
      const std::string line = fmt::format(
          "{} {}: {} training steps beside device {} in f32: losses off by {:.2g} at most (bound {:.2g}), weights by "
          "{:.2g} of what they moved (the worst parameter; bound {:.2g}), {} without a recording",
          step.model, name_of(dtype), r.steps, name_of(oracle), r.loss, r.loss_bound(), r.weights, r.weights_bound(),
          r.same_bits ? "same bits" : "OTHER BITS");
      if (prints_table(common)) std::cout << line << "  " << (r.ok() ? "ok" : "WRONG") << '\n';
      if (!r.ok()) std::cerr << line << '\n';
    }
  return rows;
}

// The reference's gradients against differences: what every device is measured by.
Report check_gradients(const Case& c, std::uint64_t seed) {
  Report report;
  for (const conformance::Config& config : c.configs(seed))
    if (conformance::has_gradient_check(config))
      report.add(conformance::check_gradient(config, backend_of(Device::reference), seed));
  return report;
}

ExitCode run(const Options& o) {
  const Device device = open_device(o.common);
  if (o.training && device == Device::reference)
    throw UsageError("--training: device reference is what others are compared with; expected another");
  Backend& backend = backend_of(device);
  const auto chosen = o.training ? std::vector<const Case*>{} : chosen_cases(o.filter);
  if (!o.common.quiet) std::cerr << fmt::format("seed {}\n", o.common.seed);
  const std::vector<DType> dtypes = chosen_dtypes(device, o.dtypes);
  nlohmann::json rows = nlohmann::json::array();
  bool all_right = true;
  if (prints_table(o.common) && !chosen.empty())
    std::cout << fmt::format("{:<30} {:<5} {:>11} {:>12}  {}\n", "case", "type", "comparisons", "worst/bound",
                             "result");
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const Case& c = *chosen[i];
    if (!o.common.quiet) std::cerr << fmt::format("{} of {}: {}\n", i + 1, chosen.size(), c.name);
    for (const DType dtype : dtypes) {
      Report report = conformance::check(c, backend, {dtype, o.common.seed, !o.quick});
      if (!o.quick && dtype == dtypes.front()) report.add(check_gradients(c, o.common.seed));
      all_right = all_right && report.ok();
      rows.push_back({{"case", c.name},
                      {"dtype", name_of(dtype)},
                      {"comparisons", report.comparisons},
                      {"worst", report.worst},
                      {"ok", report.ok()},
                      {"failures", report.failures}});
      if (prints_table(o.common))
        std::cout << fmt::format("{:<30} {:<5} {:>11} {:>12.3f}  {}\n", c.name, name_of(dtype), report.comparisons,
                                 report.worst, report.ok() ? "ok" : "WRONG");
      for (const std::string& failure : report.failures) std::cerr << fmt::format("{}: {}\n", c.name, failure);
    }
  }
  nlohmann::json training = nlohmann::json::array();
  if (o.training || (!o.quick && o.filter.empty())) training = check_training(device, dtypes, o.common);
  for (const auto& row : training) all_right = all_right && row["ok"].get<bool>();
  if (device == Device::cuda && !o.common.quiet)
    std::cerr << "NVIDIA's checker looks for races and bad accesses (slow): compute-sanitizer --tool memcheck|racecheck "
                 "engine_train selfcheck --quick --device cuda\n";
  write_json(o.common, {{"seed", o.common.seed}, {"ok", all_right}, {"cases", rows}, {"training", training}});
  return all_right ? ExitCode::ok : ExitCode::runtime;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer(examples);
  auto* filter = app.add_option("--filter", o->filter, "Only cases whose name matches")->type_name("REGEX");
  app.add_option("--dtype", o->dtypes,
                 "Element types: f32, f16, bf16 (reference: f64 too); several may follow. Default: the first three on "
                 "cuda, else f32 (reference: f64)")
      ->type_name("TYPE");
  auto* quick = app.add_flag("--quick", o->quick, "Plain layout only, no gradients against differences, no training");
  app.add_flag("--training", o->training, "Only the training steps")->excludes(filter)->excludes(quick);
  add_device_flags(app, o->common);
  add_seed_flag(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("selfcheck", "Check operations against double precision, and training steps, on this machine",
                        set_up);

}  // namespace
}  // namespace engine::tools::selfcheck_verb

#include <fmt/core.h>

#include <iostream>
#include <memory>

#include "models/registry.h"
#include "tools/verb.h"

namespace engine::tools::models_verb {
namespace {

struct Options {
  Common common;
  std::int64_t classes = 5;
};

ExitCode run(const Options& o) {
  open_device(o.common);
  nlohmann::json rows = nlohmann::json::array();
  for (const models::ModelInfo& info : models::model_list()) {
    const auto model = models::make_model(info.name, {o.classes, 3});
    rows.push_back({{"name", info.name},
                    {"summary", info.summary},
                    {"input", info.input},
                    {"parameters_total", nn::parameter_count(*model)}});
  }
  if (prints_table(o.common)) {
    std::cout << fmt::format("{:<14} {:>6} {:>12}  {}\n", "model", "input", "parameters", "");
    for (const auto& r : rows)
      std::cout << fmt::format("{:<14} {:>6} {:>12}  {}\n", r["name"].get<std::string>(), r["input"].get<int>(),
                               r["parameters_total"].get<std::int64_t>(), r["summary"].get<std::string>());
  }
  write_json(o.common, {{"classes", o.classes}, {"models", rows}});
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer("Examples:\n  engine_train models\n  engine_train models --classes 14 --json models.json");
  app.add_option("--classes", o->classes, "Classes of the head that is counted")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  add_device_flags(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("models", "List the networks", set_up);

}  // namespace
}  // namespace engine::tools::models_verb

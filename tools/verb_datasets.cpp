#include <fmt/core.h>

#include <iostream>
#include <memory>

#include "engine/data/data_sources.h"
#include "tools/verb.h"

namespace engine::tools::datasets_verb {
namespace {

ExitCode run(const Common& common) {
  nlohmann::json rows = nlohmann::json::array();
  for (const DataSourceInfo& s : data_sources()) {
    rows.push_back({{"name", s.scheme}, {"usage", s.usage}, {"summary", s.summary}});
    if (prints_table(common)) std::cout << fmt::format("{:<24} {}\n", s.usage, s.summary);
  }
  write_json(common, {{"datasets", rows}});
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto common = std::make_shared<Common>();
  app.footer("Examples:\n  engine_train datasets\n  engine_train datasets --json -");
  add_json_flag(app, *common);
  return [common] { return run(*common); };
}

const RegisterVerb verb("datasets", "List the data sources that --data takes", set_up);

}  // namespace
}  // namespace engine::tools::datasets_verb

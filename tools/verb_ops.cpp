#include <fmt/core.h>

#include <iostream>
#include <memory>

#include "bench/conformance/table.h"
#include "tools/verb.h"

namespace engine::tools::ops_verb {
namespace {

struct Options {
  Common common;
  bool markdown = false;
};

ExitCode run(const Options& o) {
  if (o.markdown) {
    std::cout << conformance::ops_markdown();
    return ExitCode::ok;
  }
  nlohmann::json rows = nlohmann::json::array();
  if (prints_table(o.common))
    std::cout << fmt::format("{:<32} {:<24} {:>7} {:>9}\n", "operation", "case", "configs", "gradients");
  for (const conformance::OpRow& r : conformance::op_rows()) {
    rows.push_back({{"op", r.op},
                    {"case", r.of_case},
                    {"configs", r.configs},
                    {"gradient_checks", r.gradients}});
    if (prints_table(o.common))
      std::cout << fmt::format("{:<32} {:<24} {:>7} {:>9}\n", r.op, r.of_case, r.configs, r.gradients);
  }
  write_json(o.common, {{"ops", rows}});
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer("Example:\n  engine_train ops --markdown > docs/ops.md");
  app.add_flag("--markdown", o->markdown, "As docs/ops.md");
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("ops", "List the operations and what checks them", set_up);

}  // namespace
}  // namespace engine::tools::ops_verb

#include "bench/conformance/table.h"

#include <algorithm>

#include "bench/conformance/check.h"

namespace engine::conformance {
namespace {

constexpr const char* heading =
    "# Operations\n\n"
    "Written by `engine_train ops --markdown`; a test compares. Contracts stand in `kernels/ops.def`. All backends "
    "implement\n"
    "every operation, forward and backward: a missing one does not link. `reference` computes in double and holds f64, "
    "f32,\n"
    "f16 and bf16; `cpu` computes in f32, `cuda` and `cuda-emulated` in f32, f16 and bf16 (`tests/cuda`).\n\n"
    "Each case compares `cpu` in f32 with `reference` in f64, in plain and blocked layouts, bit for bit run to run; "
    "every\n"
    "operation is also made wrong on purpose, and its case must notice (`tests/kernels`). \"gradients\" are configs "
    "checked\n"
    "against central differences in double. `engine_train bench kernels CASE` times each.\n\n"
    "| operation | case | configs | gradients |\n|---|---|---|---|\n";

}  // namespace

std::vector<OpRow> op_rows() {
  std::vector<OpRow> rows;
  for (const std::string_view op : op_names()) {
    OpRow row{std::string(op), "", 0, 0};
    for (const Case& c : cases()) {
      if (std::count(c.ops.begin(), c.ops.end(), op) == 0) continue;
      const auto configs = c.configs(42);
      row.of_case = c.name;
      row.configs = configs.size();
      row.gradients = static_cast<std::size_t>(std::count_if(configs.begin(), configs.end(), has_gradient_check));
      break;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string ops_markdown() {
  std::string text = heading;
  for (const OpRow& r : op_rows())
    text += fmt::format("| `{}` | {} | {} | {} |\n", r.op, r.of_case, r.configs, r.gradients);
  return text;
}

}  // namespace engine::conformance

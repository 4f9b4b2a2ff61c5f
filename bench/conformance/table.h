// What there is to check of each operation: the rows of `engine_train ops` and of docs/ops.md.
#pragma once

#include <string>
#include <vector>

namespace engine::conformance {

struct OpRow {
  std::string op;
  std::string of_case;       ///< the case that covers it
  std::size_t configs = 0;   ///< calls that the case compares with the reference
  std::size_t gradients = 0; ///< of them with a check against central differences
};

/// One row an operation, in the order of ops.def.
std::vector<OpRow> op_rows();
/// docs/ops.md.
std::string ops_markdown();

}  // namespace engine::conformance

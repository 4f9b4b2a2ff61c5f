// The census as text: one line for a convolution, a direction and a device, one cell for each way of counting.
#pragma once

#include <string>
#include <vector>

#include "tests/cudnn/census/convolutions.h"
#include "tests/cudnn/devices.h"

namespace engine::test {

/// Sums over all cells.
struct CensusCounts {
  int problems = 0;           ///< convolutions x directions x devices x ways of counting
  int without_plan = 0;
  int nondeterministic = 0;   ///< chosen where determinism is not asked for
  int without_deterministic = 0;  ///< of those, no deterministic plan exists
  std::int64_t largest_workspace = 0;
  std::vector<std::string> reasons;  ///< "T4 bf16: no_engine: ...", each once
};

/// Lines of the table without its head. Each cell is "engine notes workspace" or the kind of NoPlan. Notes: t tensor
/// cores, w Winograd, f FFT, n not deterministic; after n follows " / " and the deterministic plan.
std::vector<std::string> census_lines(const gpu::cudnn::Api& api, const std::vector<Convolution>& convolutions,
                                      CensusCounts& counts);
/// The first line of a table: the version of cuDNN it holds for, and the columns.
std::string census_head(const gpu::cudnn::Api& api);

}  // namespace engine::test

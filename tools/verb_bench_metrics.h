#pragma once

#include "tools/verb.h"

namespace engine::tools {

/// `bench metrics`: confidence intervals of an AUC by resampling groups, timed.
Action set_up_bench_metrics(CLI::App& app);

}  // namespace engine::tools

#pragma once

#include "tools/verb.h"

namespace engine::tools {

/// `bench kernels`: single operations, checked and then timed.
Action set_up_bench_kernels(CLI::App& app);

}  // namespace engine::tools

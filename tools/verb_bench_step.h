#pragma once

#include "tools/verb.h"

namespace engine::tools {

/// `bench step`: a whole training step, timed.
Action set_up_bench_step(CLI::App& app);

}  // namespace engine::tools

#pragma once

#include "tools/verb.h"

namespace engine::tools {

/// `bench loader`: pictures decoded, transformed and batched, timed.
Action set_up_bench_loader(CLI::App& app);

}  // namespace engine::tools

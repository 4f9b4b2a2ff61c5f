#pragma once

#include "tools/verb.h"

namespace engine::tools {

/// `bench launches`: what a training step would launch on a GPU.
Action set_up_bench_launches(CLI::App& app);

}  // namespace engine::tools

// Metrics against scikit-learn's and scipy's.
#pragma once

#include <filesystem>

#include "tests/goldens/result.h"

namespace engine::goldens {

/// Runs every quantity of every case of the file, to 1e-10 absolute; null stands for undefined, which is NaN here. A
/// quantity this build does not know is a failure.
GoldenResult run_metric_goldens(const std::filesystem::path& json_file);

}  // namespace engine::goldens

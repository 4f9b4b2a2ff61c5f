// Single operators, optimisers and schedules against ops.json.
#pragma once

#include <filesystem>
#include <string>

#include "engine/tensor/dtype.h"
#include "tests/goldens/result.h"

namespace engine::goldens {

/// Runs every case of folder/ops.json whose name contains `only` through the differentiable functions on `device`:
/// f64 on `reference` (to 1e-6 of the truth), f32 elsewhere (4 x PyTorch's own deviation, or 1e-6).
GoldenResult run_op_goldens(const std::filesystem::path& folder, Device device, const std::string& only);
/// Learning-rate schedules, to 1e-12 relative.
GoldenResult run_schedule_goldens(const std::filesystem::path& folder, const std::string& only);

}  // namespace engine::goldens

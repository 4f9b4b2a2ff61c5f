// Whole networks against models.json: logits, blocks, loss, every gradient, running statistics, ten SGD steps.
#pragma once

#include <filesystem>
#include <string>

#include "engine/tensor/dtype.h"
#include "tests/goldens/result.h"

namespace engine::goldens {

/// Models of the registry whose name contains `only`; others are reported as skipped. On `reference` everything is
/// computed in f64 and must agree to 1e-6; elsewhere in f32, within the tolerance rule of the fixtures' README.
GoldenResult run_model_goldens(const std::filesystem::path& folder, Device device, const std::string& only);

}  // namespace engine::goldens

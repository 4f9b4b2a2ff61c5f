// Weights, images and labels by formula: nothing of a network is stored, everything follows from names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/tensor/shape.h"
#include "tests/goldens/result.h"

namespace engine::goldens {

/// splitmix64 of the name's FNV-1a hash and the index.
std::uint64_t fill_word(const std::string& name, std::uint64_t index);
/// n values of a kind ("conv_weight", "bias", "running_var", "image", ...), computed in double and rounded once to f32.
std::vector<float> fill(const std::string& name, const std::string& kind, std::int64_t n, std::int64_t fan_in = 1,
                        double gain = 1.0);
/// Moves each value by at most one unit in the last place, as another order of summation would: the fixtures' variants
/// ulp_1, ulp_2, ... (`variant`); `key` is the tensor's name without the prefix of its network.
void nudge(std::vector<float>& values, const std::string& variant, const std::string& key);
std::vector<std::int64_t> fill_labels(const std::string& name, std::int64_t n, std::int64_t classes);
/// Flat positions at which gradients are sampled.
std::vector<std::int64_t> fill_positions(const std::string& tensor, int count, std::int64_t numel);
/// The check values of fill.json.
GoldenResult run_fill_goldens(const std::filesystem::path& fill_json);

}  // namespace engine::goldens

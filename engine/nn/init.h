// Initial values. Every parameter draws from its own Philox sequence, keyed by its name, so a value depends on
// (seed, name, index) alone and not on the order in which layers were built.
#pragma once

#include <string>
#include <string_view>

#include "engine/nn/module.h"

namespace engine::nn {

enum class Scheme : std::uint8_t {
  he_normal,       ///< N(0, 2 / fan_out): He et al. 2015, torchvision's ResNets
  he_uniform,      ///< U(+-sqrt(6 / fan_in))
  xavier_normal,   ///< N(0, 2 / (fan_in + fan_out)): Glorot and Bengio 2010
  xavier_uniform,  ///< U(+-sqrt(6 / (fan_in + fan_out)))
  trunc_normal,    ///< N(0, 0.1^2), drawn again beyond two deviations: TF-Slim's truncated normal (std left: 0.088)
  torch,           ///< U(+-1 / sqrt(fan_in)): PyTorch's default of convolutions and linear layers
};
/// "he", "he-uniform", "xavier", "xavier-uniform", "trunc-normal", "torch"; throws UsageError with the list.
Scheme parse_scheme(std::string_view name);
std::string_view name_of(Scheme s);

/// Convolutions and linear layers by `scheme`, except that he_normal leaves linear layers at U(+-1 / sqrt(fan_in)), as
/// torchvision does; biases are always U(+-1 / sqrt(fan_in)); norms start at 1 and 0, running statistics at 0 and 1.
void initialize(Module& root, Scheme scheme, std::uint64_t seed);
/// One parameter alone (a new head).
void initialize(Parameter& parameter, Scheme scheme, std::uint64_t seed, std::int64_t fan_in_of_bias = 1);

/// 32-bit FNV-1a of a name: the Philox substream of the thing it names.
std::uint32_t name_hash(std::string_view name);

}  // namespace engine::nn

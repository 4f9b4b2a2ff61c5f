// Where to start training steps that two devices shall agree on.
#pragma once

#include <vector>

#include "engine/nn/module.h"

namespace engine::bench {

/// Has every batch norm give values six deviations from ReLU's corner, three channels of four above it, the fourth below.
/// Two right devices round differently; a value within a rounding of the corner passes on one and not on the other, and
/// then gradients differ visibly, and losses soon: those of ResNet-50 from the usual start by 20 % after twelve steps
/// between two instruction sets of one CPU. Which values these are depends on the machine; here there are none.
inline void start_away_from_corner(nn::Module& model) {
  for (nn::Parameter* p : model.parameters()) {
    const bool weight = p->kind == nn::ParameterKind::norm_weight;
    if (!weight && p->kind != nn::ParameterKind::norm_bias) continue;
    const Tensor& value = p->variable.value();
    std::vector<float> numbers(static_cast<std::size_t>(value.numel()));
    for (std::size_t c = 0; c < numbers.size(); ++c) numbers[c] = weight ? 0.4f : c % 4 == 3 ? -2.5f : 2.5f;
    p->variable.set_value(from_vector(numbers, value.shape(), value.device(), value.dtype()));
  }
}

}  // namespace engine::bench

// Which pictures an epoch shows, in which order: a function of (seed, epoch) and nothing else.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/dataset.h"

namespace engine {

enum class Sampling : std::uint8_t {
  sequential,  ///< in order, each once
  shuffled,    ///< in random order, each once
  balanced,    ///< as many draws as pictures, equally many of each class (multi_class only), in random order
};

/// Positions in `data`. Throws UsageError for balanced sampling of multi-label data.
std::vector<std::size_t> epoch_order(const Dataset& data, Sampling sampling, std::uint64_t seed, std::uint32_t epoch);

}  // namespace engine

// Splitting by group, and the check that nobody is on both sides.
#pragma once

#include <cstdint>
#include <utility>

#include "engine/data/dataset.h"

namespace engine {

/// Indices that stay and indices that are taken out: whole groups, drawn by Philox from `seed`, until the second part
/// has at least `fraction` of the pictures (never all groups). Does not depend on the order of the data set's rows
/// beyond their ids.
struct SplitIndices {
  std::vector<std::size_t> kept, taken;
};
SplitIndices split_by_group(const Dataset& data, double fraction, std::uint64_t seed);

/// Throws DataError naming the first group that occurs in both sets, and how many do.
void check_no_leak(const Dataset& a, const Dataset& b);

}  // namespace engine

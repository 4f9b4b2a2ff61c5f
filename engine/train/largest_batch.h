// How many pictures a step can take, for the message of one that took too many.
#pragma once

#include <cstdint>
#include <functional>

namespace engine {

/// The largest batch below `refused` that `fits`, to a sixteenth of it or to one picture; 0 where not even one does.
/// Bisects, so it asks at most log2(refused) + 1 times.
std::int64_t largest_batch(std::int64_t refused, const std::function<bool(std::int64_t)>& fits);

}  // namespace engine

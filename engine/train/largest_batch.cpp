#include "engine/train/largest_batch.h"

#include <algorithm>

namespace engine {

std::int64_t largest_batch(std::int64_t refused, const std::function<bool(std::int64_t)>& fits) {
  std::int64_t fitting = 0, below = refused;
  const std::int64_t exact = std::max<std::int64_t>(1, refused / 16);
  while (below - fitting > (fitting == 0 ? 1 : exact)) {
    const std::int64_t middle = (fitting + below) / 2;
    (fits(middle) ? fitting : below) = middle;
  }
  return fitting;
}

}  // namespace engine

// Every convolution of every registered model, as the backend is asked for it.
#pragma once

#include <string>
#include <vector>

#include "kernels/types.h"

namespace engine::test {

struct Convolution {
  Shape x, w;
  Conv2dParams params;
  std::string model;  ///< the first in the registry that has it
  bool operator==(const Convolution& o) const { return x == o.x && w == o.w && params == o.params; }
};

/// In the order in which they are first met, each problem once, for a batch of this size at the models' usual input.
std::vector<Convolution> convolutions_of_all_models(std::int64_t batch);

}  // namespace engine::test

// A tensor under the name it has in a checkpoint.
#pragma once

#include <string>

#include "engine/tensor/tensor.h"

namespace engine {

struct NamedTensor {
  std::string name;
  Tensor value;
};

}  // namespace engine

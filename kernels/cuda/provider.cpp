#include "kernels/cuda/provider.h"

#include "engine/tensor/error.h"

namespace engine::gpu {

void check_provider(std::string_view what, Provider wanted, bool there, std::string_view instead) {
  if (wanted == Provider::library && !there)
    throw DeviceError("{} were asked of a library, but would be computed by {}", what, instead);
}

}  // namespace engine::gpu

#include "kernels/cuda/refusals.h"

#include <fmt/core.h>

namespace engine::gpu {

static std::string cuda_version(int number) { return fmt::format("{}.{}", number / 1000, number % 1000 / 10); }

std::string driver_too_old(int supported, int needed) {
  return fmt::format("the driver supports CUDA {}, and this program needs {}; install a newer driver",
                     cuda_version(supported), cuda_version(needed));
}

std::string no_code_for(std::string_view gpu, int major, int minor, std::string_view built_for) {
  return fmt::format("{} has compute capability {}.{}, and this program was built for {}; build it with "
                     "-DENGINE_CUDA_ARCHS={}{}",
                     gpu, major, minor, built_for, major, minor);
}

}  // namespace engine::gpu

// Words for a GPU that cannot be used. Apart from who asks the driver, so that they are tested where there is none.
#pragma once

#include <string>
#include <string_view>

namespace engine::gpu {

/// Versions as CUDA counts them: 1000 * major + 10 * minor.
std::string driver_too_old(int supported, int needed);
/// `built_for`: the architectures whose code is in this program, as ENGINE_CUDA_ARCHS has them.
std::string no_code_for(std::string_view gpu, int major, int minor, std::string_view built_for);

}  // namespace engine::gpu

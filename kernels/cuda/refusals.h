// Words for a GPU, or a library of its vendor, that cannot be used. Apart from who asks them, so that they are tested
// where there is none.
#pragma once

#include <string>
#include <string_view>

namespace engine::gpu {

/// Versions as CUDA counts them: 1000 * major + 10 * minor.
std::string driver_too_old(int supported, int needed);
/// `built_for`: the architectures whose code is in this program, as ENGINE_CUDA_ARCHS has them.
std::string no_code_for(std::string_view gpu, int major, int minor, std::string_view built_for);

/// `what` a library should compute, and who would do it instead, as Backend::libraries() tells.
std::string library_missing(std::string_view what, std::string_view instead);

}  // namespace engine::gpu

// Who computes what a vendor's library can compute too.
#pragma once

#include <cstdint>
#include <string_view>

namespace engine::gpu {

enum class Provider : std::uint8_t {
  automatic,  ///< the library where it can be used, else own kernels
  own,
  library  ///< the library, or a DeviceError that says why it cannot be used
};

/// Throws DeviceError where a library is wanted for `what` and is not `there`; `instead` is who would compute it, and
/// why, as Backend::libraries() tells.
void check_provider(std::string_view what, Provider wanted, bool there, std::string_view instead);

}  // namespace engine::gpu

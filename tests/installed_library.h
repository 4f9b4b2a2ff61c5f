// A vendor's library as this machine has it, or not. Without doctest: some test programs have a main of their own.
#pragma once

#include <cstdio>
#include <variant>

#include "kernels/cuda/vendor_library.h"

namespace engine::test {

/// Null after printing SKIPPED and the reason where the machine has no such library.
template <class Api>
const Api* installed(const std::variant<Api, gpu::NoApi>& answer, const char* what) {
  if (const auto* api = std::get_if<Api>(&answer)) return api;
  std::printf("SKIPPED %s: %s\n", what, std::get<gpu::NoApi>(answer).reason.c_str());
  return nullptr;
}

}  // namespace engine::test

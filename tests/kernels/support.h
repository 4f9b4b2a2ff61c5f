// Shared by the tests of kernels.
#pragma once

#include <doctest/doctest.h>

#include "bench/conformance/check.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/reference/reference_backend.h"

namespace engine::test {

inline constexpr std::uint64_t seed = 42;

inline void register_backends(int threads = 1) {
  register_cpu_backend();
  register_reference_backend();
  set_cpu_threads(threads);
}

/// Fails with everything the report has to say.
inline void require_ok(const conformance::Report& report, const std::string& what) {
  for (const std::string& failure : report.failures) FAIL_CHECK(what, ": ", failure);
  CHECK_MESSAGE(report.comparisons > 0, what, ": nothing was compared");
}

}  // namespace engine::test

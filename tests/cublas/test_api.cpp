#include <doctest/doctest.h>

#include <cstdio>

#include "kernels/cuda/cublas_api.h"

namespace engine::gpu::cublas {
namespace {

void expect_refusal(const std::string& library, ApiFault fault, const std::string& words) {
  const auto answer = load_api({library});
  const auto* no = std::get_if<NoApi>(&answer);
  REQUIRE(no);
  CHECK(no->fault == fault);
  CHECK_MESSAGE(no->reason.find(words) != std::string::npos, no->reason);
}

}  // namespace

TEST_CASE("a library that is not there, too old, too new or not whole is refused with its reason") {
  expect_refusal("libcublas_of_no_machine.so.13", ApiFault::no_library, "libcublas_of_no_machine.so.13");
  expect_refusal(FAKE_OLD, ApiFault::too_old, "11.8.0, needs 12.0.0");
  expect_refusal(FAKE_NEW, ApiFault::too_new, "14.0.0, known are those before 14.0.0");
  expect_refusal(FAKE_PARTIAL, ApiFault::missing_function, "cublasGemmEx");
  // The C library: none of the functions.
  expect_refusal("libc.so.6", ApiFault::missing_function, "cublasGetProperty");
}

TEST_CASE("the first library that is there is taken, if its version is known") {
  const auto answer = load_api({"libcublas_of_no_machine.so.13", FAKE_GOOD});
  REQUIRE(std::holds_alternative<Api>(answer));
  CHECK(std::get<Api>(answer).version() == 130100);
}

TEST_CASE("the installed library is taken") {
  const auto answer = load_api();
  if (const auto* no = std::get_if<NoApi>(&answer)) {
    std::printf("SKIPPED the installed cuBLAS: %s\n", no->reason.c_str());
    return;
  }
  CHECK(std::get<Api>(answer).version() >= known_versions.oldest);
}

}  // namespace engine::gpu::cublas

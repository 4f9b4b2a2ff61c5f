#include "kernels/cuda/cusolver_api.h"
#include "tests/vendor_library.h"

namespace engine::gpu::cusolver {

TEST_CASE("a library that is not there, too old, too new or not whole is refused with its reason") {
  const auto expect_refusal = [](const char* library, ApiFault fault, const char* words) {
    test::expect_refusal(load_api({library}), fault, words);
  };
  expect_refusal("libcusolver_of_no_machine.so.12", ApiFault::no_library, "libcusolver_of_no_machine.so.12");
  expect_refusal(FAKE_OLD, ApiFault::too_old, "11.4.0, needs 11.5.0");
  expect_refusal(FAKE_NEW, ApiFault::too_new, "13.0.0, known are those before 13.0.0");
  expect_refusal(FAKE_PARTIAL, ApiFault::missing_function, "cusolverDnXgesvd");
  // The C library: none of the functions.
  expect_refusal("libc.so.6", ApiFault::missing_function, "cusolverGetProperty");
}

TEST_CASE("the first library that is there is taken, if its version is known") {
  const auto answer = load_api({"libcusolver_of_no_machine.so.12", FAKE_GOOD});
  REQUIRE(std::holds_alternative<Api>(answer));
  CHECK(std::get<Api>(answer).version() == 120000);
}

TEST_CASE("the installed library is taken") {
  const auto answer = load_api();
  if (const Api* api = test::installed(answer, "the installed cuSOLVER"))
    CHECK(api->version() >= known_versions.oldest);
}

TEST_CASE("a status is told by the vendor's name") {
  CHECK(status_name(success) == "SUCCESS");
  CHECK(status_name(6) == "EXECUTION_FAILED");
  CHECK(status_name(9) == "NOT_SUPPORTED");
  CHECK(status_name(10) == "unknown");
  CHECK(status_name(-1) == "unknown");
}

}  // namespace engine::gpu::cusolver

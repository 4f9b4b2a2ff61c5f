#include "kernels/cuda/cublas_api.h"
#include "tests/vendor_library.h"

namespace engine::gpu::cublas {

TEST_CASE("a library that is not there, too old, too new or not whole is refused with its reason") {
  const auto expect_refusal = [](const char* library, ApiFault fault, const char* words) {
    test::expect_refusal(load_api({library}), fault, words);
  };
  expect_refusal("libcublas_of_no_machine.so.13", ApiFault::no_library, "libcublas_of_no_machine.so.13");
  expect_refusal(FAKE_OLD, ApiFault::too_old, "11.8.0, needs 12.0.0");
  expect_refusal(FAKE_NEW, ApiFault::too_new, "14.0.0, known are those before 14.0.0");
  expect_refusal(FAKE_PARTIAL, ApiFault::missing_function, "cublasGemmEx");
  // The C library: none of the functions.
  expect_refusal("libc.so.6", ApiFault::missing_function, "cublasGetProperty");
}

TEST_CASE("the first library of a version that is known is taken") {
  const auto answer = load_api({"libcublas_of_no_machine.so.13", FAKE_NEW, FAKE_GOOD, FAKE_OLD});
  REQUIRE(std::holds_alternative<Api>(answer));
  CHECK(std::get<Api>(answer).version() == 130100);
  // Of several reasons, the one against a library that is there.
  test::expect_refusal(load_api({"libcublas_of_no_machine.so.13", FAKE_OLD, FAKE_NEW}), ApiFault::too_old, "11.8.0");
}

TEST_CASE("the installed library is taken") {
  const auto answer = load_api();
  if (const Api* api = test::installed(answer, "the installed cuBLAS"))
    CHECK(api->version() >= known_versions.oldest);
}

}  // namespace engine::gpu::cublas

#include "tests/cudnn/installed.h"
#include "tests/vendor_library.h"

namespace engine::gpu::cudnn {
namespace {

TEST_CASE("a library that is not there, too old, too new or not whole is refused with its reason") {
  const auto expect_refusal = [](const char* library, ApiFault fault, const char* words) {
    test::expect_refusal(load_api(library), fault, words);
  };
  expect_refusal("libcudnn_of_no_machine.so.9", ApiFault::no_library, "libcudnn_of_no_machine.so.9");
  expect_refusal(FAKE_OLD, ApiFault::too_old, "9.7.1, needs 9.8.0");
  expect_refusal(FAKE_NEW, ApiFault::too_new, "10.0.0, known are those before 10.0.0");
  expect_refusal(FAKE_PARTIAL, ApiFault::missing_function, "cudnnBackendExecute");
  // The C library: none of the functions.
  expect_refusal("libc.so.6", ApiFault::missing_function, "cudnnGetVersion");
}

TEST_CASE("a library of a version we know is taken") {
  const auto answer = load_api(FAKE_GOOD);
  REQUIRE(std::holds_alternative<Api>(answer));
  CHECK(std::get<Api>(answer).version() == oldest_version);
}

TEST_CASE("the installed library is taken") {
  if (const Api* api = test::installed_cudnn("the installed cuDNN")) CHECK(api->version() >= oldest_version);
}

}  // namespace
}  // namespace engine::gpu::cudnn

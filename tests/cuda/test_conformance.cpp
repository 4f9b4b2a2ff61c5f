// Every operation behind the seam, by its conformance case.
#include "bench/conformance/check.h"

#include "bench/conformance/case.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/cuda/compare.h"

namespace {

void check_all(DType dtype) {
  test::reference();
  test::device::register_cuda_backend();
  Backend& backend = backend_of(test::context().device());
  for (const conformance::Case& c : conformance::cases()) {
    const conformance::Report report = conformance::check(c, backend, {dtype, 42});
    CAPTURE(c.name);
    for (const std::string& line : report.failures) FAIL_CHECK(line);
    CHECK(report.ok());
  }
}

}  // namespace

TEST_CASE("Every operation agrees with the reference in f32, in every layout, with the same bits every time") {
  check_all(DType::f32);
}
TEST_CASE("Every operation agrees with the reference in f16") { check_all(DType::f16); }
TEST_CASE("Every operation agrees with the reference in bf16") { check_all(DType::bf16); }

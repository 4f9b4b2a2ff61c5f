// The ruler itself: what deviation() and tolerance() must never let pass.
#include <limits>

#include "bench/conformance/compare.h"
#include "tests/kernels/support.h"

using namespace engine;
using namespace engine::conformance;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr Tolerance allowed{1e-3, 1e-2};

double ratio(const std::vector<double>& found, const std::vector<double>& truth, double terms = 0) {
  return deviation(found, truth, terms, allowed).ratio;
}

}  // namespace

TEST_CASE("NaN and infinity pass only where the truth has them too") {
  CHECK(ratio({1, not_a_number, 3}, {1, not_a_number, 3}) == 0);
  CHECK(ratio({1, inf, -inf}, {1, inf, -inf}) == 0);
  CHECK(ratio({1, not_a_number, 3}, {1, 2, 3}) == inf);
  CHECK(ratio({1, 2, 3}, {1, not_a_number, 3}) == inf);
  CHECK(ratio({1, inf, 3}, {1, not_a_number, 3}) == inf);
  CHECK(ratio({1, inf, 3}, {1, -inf, 3}) == inf);
  CHECK(ratio({1, 1e300, 3}, {1, inf, 3}) == inf);
}

TEST_CASE("Errors are measured in both norms, on the scale of the truth") {
  const Deviation d = deviation({3, 4.5}, {3, 4}, 0, allowed);
  CHECK(d.rel_l2 == doctest::Approx(0.1));
  CHECK(d.element == doctest::Approx(0.125));
  CHECK(d.ratio == doctest::Approx(100));
  // One element out of many: small in the first norm, too large in the second.
  std::vector<double> truth(10000, 1.0), found = truth;
  found[77] = 1.02;
  CHECK(deviation(found, truth, 0, allowed).rel_l2 < allowed.rel_l2);
  CHECK(ratio(found, truth) == doctest::Approx(2));
}

TEST_CASE("Where the truth is zero only zero passes, unless terms that cancel give the scale") {
  CHECK(ratio({0, -0.0}, {0, 0}) == 0);
  CHECK(ratio({0, 1e-300}, {0, 0}) == inf);
  CHECK(ratio({0, 1e-4}, {0, 0}, 1.0) == doctest::Approx(1e-4 / std::sqrt(2.0) / 1e-3));
  // Terms smaller than the truth change nothing.
  CHECK(ratio({3, 4.5}, {3, 4}, 1.0) == ratio({3, 4.5}, {3, 4}));
}

TEST_CASE("A report fails for NaN, counts, and remembers the worst") {
  Report r;
  CHECK_FALSE(r.ok());  // nothing compared
  r.note(0.5, "half");
  CHECK(r.ok());
  r.note(not_a_number, "not a number");
  CHECK_FALSE(r.ok());
  CHECK(r.failures == std::vector<std::string>{"not a number"});
  Report sum;
  sum.note(0.25, "quarter");
  sum.add(r);
  CHECK(sum.comparisons == 3);
  CHECK(sum.worst_at == "not a number");
  CHECK_FALSE(sum.ok());
}

TEST_CASE("The tolerance grows with the roundoff of the type and the root of the sum's length") {
  const Tolerance one = tolerance(DType::f32, 1), hundred = tolerance(DType::f32, 100);
  CHECK(one.rel_l2 == doctest::Approx(10 * 0x1p-24));
  CHECK(hundred.rel_l2 == doctest::Approx(28 * 0x1p-24));
  CHECK(hundred.element > hundred.rel_l2);
  CHECK(tolerance(DType::f64, 1).rel_l2 == doctest::Approx(one.rel_l2 * 0x1p-29));
  // Sums of 16-bit numbers accumulate in f32.
  CHECK(tolerance(DType::f16, 1000000).rel_l2 == tolerance(DType::f16, 1).rel_l2);
  CHECK(tolerance(DType::bf16, 1).rel_l2 == doctest::Approx(8 * tolerance(DType::f16, 1).rel_l2));
}

TEST_CASE("Numbers are rounded as each type rounds") {
  CHECK(rounded(1.0 + 0x1p-24, DType::f32) == 1.0);  // a tie goes to even
  CHECK(rounded(1.0 + 0x1.8p-24, DType::f32) == 1.0 + 0x1p-23);
  CHECK(rounded(1.0 + 0x1p-11, DType::f16) == 1.0);
  CHECK(rounded(1.0 + 0x1.8p-8, DType::bf16) == 1.0 + 0x1p-7);
  CHECK(rounded(0.1, DType::f64) == 0.1);
}

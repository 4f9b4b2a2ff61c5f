// The closed-form variance of an AUC, the paired test, and McNemar's test.
#include <doctest/doctest.h>

#include <array>

#include "engine/metrics/delong.h"
#include "engine/tensor/error.h"
#include "tests/metrics/support.h"

using namespace engine;
using test::near;

namespace {

// DeLong's covariance straight from the m x n matrix of comparisons (DeLong et al. 1988, equations 4 to 6).
double covariance_by_pairs(const std::vector<double>& a, const std::vector<double>& b, const std::vector<int>& label) {
  std::vector<std::size_t> positive, negative;
  for (std::size_t i = 0; i < label.size(); ++i) (label[i] ? positive : negative).push_back(i);
  const auto psi = [](double x, double y) { return x > y ? 1.0 : x == y ? 0.5 : 0.0; };
  const auto m = static_cast<double>(positive.size()), n = static_cast<double>(negative.size());
  const auto mean_over = [&](const std::vector<double>& s, std::size_t i, bool of_positive) {
    double sum = 0.0;
    for (std::size_t j : of_positive ? negative : positive) sum += of_positive ? psi(s[i], s[j]) : psi(s[j], s[i]);
    return sum / (of_positive ? n : m);
  };
  double total = 0.0;
  for (const bool of_positive : {true, false}) {
    const auto& rows = of_positive ? positive : negative;
    const auto count = static_cast<double>(rows.size());
    double sum_a = 0.0, sum_b = 0.0, cross = 0.0;
    for (std::size_t i : rows) {
      const double va = mean_over(a, i, of_positive), vb = mean_over(b, i, of_positive);
      sum_a += va, sum_b += vb, cross += va * vb;
    }
    total += (cross - sum_a * sum_b / count) / (count - 1.0) / count;
  }
  return total;
}

}  // namespace

TEST_CASE("DeLong's variance by ranks equals the one from all pairs, with ties") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    for (const int grid : {0, 4, 30}) {
      CAPTURE(seed);
      CAPTURE(grid);
      const test::Rows r = test::random_rows(seed, 25 + seed * 5, 0.4f, grid);
      const DelongResult d = delong(r.score, r.label);
      CHECK(near(d.auc, test::pairwise_auc(r.data())));
      CHECK(near(d.variance, covariance_by_pairs(r.score, r.score, r.label)));
      const double reach = 1.959963984540054 * std::sqrt(d.variance);
      CHECK(near(d.ci95.low, std::max(0.0, d.auc - reach)));
      CHECK(near(d.ci95.high, std::min(1.0, d.auc + reach)));
    }
}

TEST_CASE("Intervals are cut to [0, 1]") {
  const std::vector<double> good{1, 2, 4, 3, 5, 6}, bad{6, 5, 3, 4, 2, 1};  // one pair of nine on the wrong side
  const std::vector<int> label{0, 0, 0, 1, 1, 1};
  const DelongResult high = delong(good, label), low = delong(bad, label);
  CHECK(near(high.auc, 8.0 / 9));
  CHECK(high.ci95.high == 1.0);
  CHECK(high.ci95.low > 0.5);
  CHECK(near(low.auc, 1.0 / 9));
  CHECK(low.ci95.low == 0.0);
  CHECK(near(low.ci95.high, 1.0 - high.ci95.low));
}

TEST_CASE("Paired covariances equal the ones from all pairs, and z and p follow from them") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    const test::Rows a = test::random_rows(seed, 90, 0.4f, 12);
    Random random = test::random_of(seed + 100);
    std::vector<double> b;
    for (const double s : a.score) b.push_back(0.5 * s + 0.5 * random.uniform());
    const DelongPair r = delong_paired(a.score, b, a.label);
    CHECK(near(r.auc[0], test::pairwise_auc(a.data())));
    CHECK(near(r.auc[1], test::pairwise_auc({b, a.label})));
    CHECK(near(r.covariance[0][0], covariance_by_pairs(a.score, a.score, a.label)));
    CHECK(near(r.covariance[1][1], covariance_by_pairs(b, b, a.label)));
    CHECK(near(r.covariance[0][1], covariance_by_pairs(a.score, b, a.label)));
    CHECK(r.covariance[0][1] == r.covariance[1][0]);
    const double variance = r.covariance[0][0] + r.covariance[1][1] - 2.0 * r.covariance[0][1];
    CHECK(near(r.z, (r.auc[0] - r.auc[1]) / std::sqrt(variance), 1e-9));
    CHECK(near(r.p, 1.0 - std::erf(std::abs(r.z) / std::sqrt(2.0)), 1e-9));
    const DelongPair swapped = delong_paired(b, a.score, a.label);
    CHECK(near(swapped.z, -r.z, 1e-9));
    CHECK(near(swapped.p, r.p, 1e-9));
  }
}

TEST_CASE("Models that rank alike do not differ: p is 1") {
  const test::Rows r = test::random_rows(5, 120, 0.3f, 0);
  std::vector<double> cubed;
  for (const double s : r.score) cubed.push_back(s * s * s);
  const DelongPair same = delong_paired(r.score, cubed, r.label);
  CHECK(same.z == 0.0);
  CHECK(same.p == 1.0);
}

TEST_CASE("Rounding does not turn a variance of zero into a difference: p is 1") {
  // Every positive of `b` gains half a negative on `a`, and every negative loses as much: the contributions differ by a
  // constant, so that the variance of the difference is 0 while fifths and ninths are no binary fractions.
  for (int n = 2; n < 50; ++n) {
    CAPTURE(n);
    std::vector<int> label;
    std::vector<double> a, b;
    for (int i = 0; i < 2 * n; ++i) {
      label.push_back(i < n);
      a.push_back(i % n);
      b.push_back(i % n + (i < n ? 0.5 : 0.0));
    }
    const DelongPair r = delong_paired(a, b, label);
    CHECK(near(r.auc[1] - r.auc[0], 0.5 / n));
    CHECK(r.z == 0.0);
    CHECK(r.p == 1.0);
  }
}

TEST_CASE("The interval covers the true AUC about 95 times in 100") {
  // Normal scores one deviation apart: AUC = Phi(1 / sqrt 2).
  const double truth = 0.5 * std::erfc(-0.5);
  int covered = 0;
  constexpr int trials = 1000;
  for (int t = 0; t < trials; ++t) {
    Random random = test::random_of(static_cast<std::uint64_t>(t) + 5000);
    std::vector<double> score;
    std::vector<int> label;
    for (int i = 0; i < 120; ++i) {
      label.push_back(i % 3 == 0);
      score.push_back(random.normal() + label.back());
    }
    const Interval ci = delong(score, label).ci95;
    covered += ci.low <= truth && truth <= ci.high;
  }
  CAPTURE(covered);
  CHECK(covered >= 920);  // four deviations of the count are 28
  CHECK(covered <= 975);
}

TEST_CASE("Fewer than two of a label leave the variance undefined; a perfect score has none") {
  const std::vector<double> score{0.1, 0.2, 0.3, 0.9};
  const std::vector<int> one{0, 0, 0, 1}, none{0, 0, 0, 0}, two{0, 0, 1, 1};
  const DelongResult r = delong(score, one);
  CHECK(r.auc == 1.0);
  CHECK(std::isnan(r.variance));
  CHECK(std::isnan(r.ci95.low));
  CHECK(std::isnan(r.ci95.high));
  CHECK(std::isnan(delong(score, none).auc));
  CHECK(std::isnan(delong({}, {}).auc));
  CHECK(std::isnan(delong_paired(score, score, one).p));
  CHECK(std::isnan(delong_paired(score, score, none).z));
  const DelongResult perfect = delong(score, two);
  CHECK(perfect.variance == 0.0);
  CHECK(perfect.ci95.low == 1.0);
  CHECK(perfect.ci95.high == 1.0);
}

TEST_CASE("Scores that are not finite are refused") {
  const std::vector<double> good{0.1, 0.2, 0.3, 0.4}, bad{0.1, 0.2, test::nan, 0.4};
  const std::vector<int> label{0, 1, 0, 1};
  CHECK_THROWS_WITH_AS(delong(bad, label), doctest::Contains("row 2"), DataError);
  CHECK_THROWS_WITH_AS(delong_paired(good, bad, label), doctest::Contains("row 2"), DataError);
  CHECK_THROWS_AS(delong_paired(good, std::vector<double>{0.1}, label), UsageError);
}

TEST_CASE("McNemar's p is the exact two-sided binomial tail") {
  // 2 (C(n,0) + ... + C(n,k)) / 2^n by Pascal's triangle, in exact integers up to n = 60.
  std::array<std::uint64_t, 62> row{1};
  for (int n = 0; n <= 60; ++n) {
    std::uint64_t tail = 0;
    for (int k = 0; 2 * k <= n; ++k) {
      tail += row[static_cast<std::size_t>(k)];
      std::vector<int> a, b;
      for (int i = 0; i < n; ++i) a.push_back(i < k), b.push_back(i >= k);
      for (int i = 0; i < 5; ++i) a.push_back(i % 2), b.push_back(i % 2);  // where both agree it does not matter
      const McNemarResult r = mcnemar(a, b);
      const double expected = std::min(1.0, 2.0 * static_cast<double>(tail) / std::pow(2.0, n));
      CAPTURE(n);
      CAPTURE(k);
      CHECK(r.only_a_right == k);
      CHECK(r.only_b_right == n - k);
      CHECK(near(r.p / expected, 1.0, 1e-11));
    }
    for (std::size_t k = 61; k > 0; --k) row[k] += row[k - 1];
  }
  CHECK_THROWS_AS(mcnemar(std::vector<int>{1}, std::vector<int>{}), UsageError);
}

TEST_CASE("McNemar's test with many disagreements approaches the normal one") {
  std::vector<int> a(100000, 0), b(100000, 1);
  for (std::size_t i = 0; i < 49500; ++i) a[i] = 1, b[i] = 0;
  const double z = (50500.0 - 49500.0 - 1.0) / std::sqrt(100000.0);  // with continuity correction
  CHECK(near(mcnemar(a, b).p, std::erfc(z / std::sqrt(2.0)), 1e-5));
}

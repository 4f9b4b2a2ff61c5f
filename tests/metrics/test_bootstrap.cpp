// Intervals by resampling whole groups.
#include <doctest/doctest.h>
#include <omp.h>

#include <algorithm>

#include "engine/metrics/bootstrap.h"
#include "engine/tensor/error.h"
#include "tests/metrics/support.h"

using namespace engine;
using test::near;

namespace {

// Rows in groups of 1 to 4 that share a part of their score, as pictures of one patient do.
struct Patients {
  test::Rows rows;
  Clusters clusters;
};

Patients random_patients(std::uint64_t seed, std::uint32_t groups, int grid) {
  Random random = test::random_of(seed);
  Patients p;
  p.clusters.count = groups;
  for (std::uint32_t g = 0; g < groups; ++g) {
    const double shared = random.normal();
    const std::uint32_t rows = 1 + random.below(4);
    for (std::uint32_t i = 0; i < rows; ++i) {
      const int label = random.bernoulli(0.4f);
      const double score = label + shared + 0.5 * random.normal();
      p.rows.label.push_back(label);
      p.rows.score.push_back(grid ? std::round(score * grid) / grid : score);
      p.clusters.of_row.push_back(g);
    }
  }
  return p;
}

// Waiting for each other costs more than these small sums when the machine is busy.
class Threads {
 public:
  explicit Threads(int n) : before_(omp_get_max_threads()) { omp_set_num_threads(n); }
  ~Threads() { omp_set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

bool same_values(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

double standard_deviation(const std::vector<double>& v) {
  double mean = 0.0, squares = 0.0;
  for (const double x : v) mean += x / static_cast<double>(v.size());
  for (const double x : v) squares += (x - mean) * (x - mean);
  return std::sqrt(squares / static_cast<double>(v.size()));
}

// Bootstrap written down again: draws patients with another generator, copies their rows, counts pairs.
std::vector<double> slow_bootstrap(const Patients& p, int resamples, std::uint64_t seed) {
  std::vector<double> values;
  Random random = test::random_of(seed);
  for (int r = 0; r < resamples; ++r) {
    test::Rows drawn;
    for (std::uint32_t k = 0; k < p.clusters.count; ++k) {
      const std::uint32_t g = random.below(p.clusters.count);
      for (std::size_t i = 0; i < p.clusters.of_row.size(); ++i) {
        if (p.clusters.of_row[i] != g) continue;
        drawn.score.push_back(p.rows.score[i]);
        drawn.label.push_back(p.rows.label[i]);
      }
    }
    values.push_back(test::pairwise_auc(drawn.data()));
  }
  return values;
}

}  // namespace

TEST_CASE("Groups are numbered in the order of their first row") {
  const Clusters c = clusters_of({"b", "a", "b", "c", "a", ""});
  CHECK(c.of_row == std::vector<std::uint32_t>{0, 1, 0, 2, 1, 3});
  CHECK(c.count == 4);
  CHECK(clusters_of({}).count == 0);
}

TEST_CASE("The sweep over sorted rows and the general bootstrap of a weighted AUC see the same resamples") {
  const Threads one(1);
  for (std::uint64_t seed = 1; seed <= 6; ++seed)
    for (const int grid : {0, 2, 20})
      for (const int resamples : {1, 31, 32, 71}) {
        CAPTURE(seed);
        CAPTURE(grid);
        CAPTURE(resamples);
        const Patients p = random_patients(seed, 3 + 19 * static_cast<std::uint32_t>(seed), grid);
        const BootstrapResult fast = bootstrap_auc(p.rows.score, p.rows.label, p.clusters, {resamples, seed});
        const BootstrapResult general = bootstrap(p.clusters,
                                                  [&](std::span<const double> weight) {
                                                    return test::pairwise_auc({p.rows.score, p.rows.label, weight});
                                                  },
                                                  {resamples, seed});
        REQUIRE(fast.values.size() == static_cast<std::size_t>(resamples));
        for (std::size_t i = 0; i < fast.values.size(); ++i) {
          if (std::isnan(general.values[i]))
            CHECK(std::isnan(fast.values[i]));
          else
            CHECK(near(fast.values[i], general.values[i]));
        }
        CHECK(fast.undefined == general.undefined);
      }
}

TEST_CASE("The interval does not depend on the number of threads, and another seed gives another one") {
  const Patients p = random_patients(7, 211, 0);
  const auto metric = [&](std::span<const double> weight) { return roc_auc({p.rows.score, p.rows.label, weight}); };
  const auto with = [&](int threads) {
    const Threads set(threads);
    return std::pair{bootstrap_auc(p.rows.score, p.rows.label, p.clusters, {300, 42}),
                     bootstrap(p.clusters, metric, {100, 42})};
  };
  const auto [one, one_general] = with(1);
  const auto [two, two_general] = with(2);
  CHECK(same_values(one.values, two.values));
  CHECK(same_values(one_general.values, two_general.values));
  CHECK(one.ci95.low == two.ci95.low);
  CHECK(one.ci95.high == two.ci95.high);
  const BootstrapResult other = bootstrap_auc(p.rows.score, p.rows.label, p.clusters, {300, 43});
  CHECK(other.ci95.low != one.ci95.low);
}

TEST_CASE("More resamples continue the same sequence") {
  const Patients p = random_patients(8, 50, 0);
  const BootstrapResult few = bootstrap_auc(p.rows.score, p.rows.label, p.clusters, {20, 42});
  BootstrapResult many = bootstrap_auc(p.rows.score, p.rows.label, p.clusters, {75, 42});
  many.values.resize(20);
  CHECK(same_values(few.values, many.values));
}

TEST_CASE("Groups are drawn whole, as many as there are, each equally often") {
  const Patients p = random_patients(9, 60, 0);
  constexpr int resamples = 4000;
  std::vector<double> drawn(p.clusters.count, 0.0);
  const auto metric = [&](std::span<const double> weight) {
    std::vector<double> of_group(p.clusters.count, -1.0);
    bool whole = true;
    double total = 0.0;
    for (std::size_t i = 0; i < weight.size(); ++i) {
      double& w = of_group[p.clusters.of_row[i]];
      if (w < 0.0) w = weight[i], total += w;
      whole = whole && w == weight[i];
    }
#pragma omp critical
    for (std::size_t g = 0; g < drawn.size(); ++g) drawn[g] += of_group[g];
    return whole && total == p.clusters.count ? 1.0 : 0.0;
  };
  const BootstrapResult r = bootstrap(p.clusters, metric, {resamples, 42});
  CHECK(std::count(r.values.begin(), r.values.end(), 1.0) == resamples);
  // Each count is binomial with mean 4000 and variance 4000 (1 - 1/60).
  const double deviation = std::sqrt(resamples * (1.0 - 1.0 / 60));
  double chi_square = 0.0;
  for (const double d : drawn) {
    CHECK(std::abs(d - resamples) <= 5.0 * deviation);
    chi_square += (d - resamples) * (d - resamples) / resamples;
  }
  CHECK(chi_square >= 59 - 5 * std::sqrt(2 * 59.0));
  CHECK(chi_square <= 59 + 5 * std::sqrt(2 * 59.0));
}

TEST_CASE("Resample i draws its groups with Random::below on the key of step i") {
  for (const std::uint32_t groups : {1u, 5u, 127u, 128u, 129u, 300u, 1000u}) {
    CAPTURE(groups);
    Clusters c;
    c.count = groups;
    for (std::uint32_t g = 0; g < groups; ++g) c.of_row.push_back(g);
    const Threads one(1);  // resamples come in order
    int resample = 0;
    const auto metric = [&](std::span<const double> weight) {
      RandomKey key(7, RandomStream::bootstrap);
      key.step = static_cast<std::uint32_t>(resample++);
      Random random(key);
      std::vector<double> expected(groups, 0.0);
      for (std::uint32_t i = 0; i < groups; ++i) expected[random.below(groups)] += 1.0;
      return std::equal(expected.begin(), expected.end(), weight.begin(), weight.end()) ? 1.0 : 0.0;
    };
    const BootstrapResult r = bootstrap(c, metric, {20, 7});
    CHECK(std::count(r.values.begin(), r.values.end(), 1.0) == 20);
  }
}

TEST_CASE("The interval agrees with a bootstrap written down again, within the error of the draws") {
  const Patients p = random_patients(10, 40, 4);
  constexpr int resamples = 4000;
  const BootstrapResult ours = bootstrap_auc(p.rows.score, p.rows.label, p.clusters, {resamples, 42});
  std::vector<double> theirs = slow_bootstrap(p, resamples, 77);
  std::sort(theirs.begin(), theirs.end());
  const double deviation = standard_deviation(theirs);
  CHECK(near(standard_deviation(ours.values) / deviation, 1.0, 5.0 / std::sqrt(2.0 * resamples) * 1.5));
  // The error of a 2.5 % quantile is about sqrt(0.025 * 0.975 / n) / density, near 2.7 deviations / sqrt(n) each.
  const double tolerance = 5.0 * 2.7 * std::sqrt(2.0 / resamples) * deviation;
  CHECK(near(ours.ci95.low, theirs[static_cast<std::size_t>(0.025 * resamples)], tolerance));
  CHECK(near(ours.ci95.high, theirs[static_cast<std::size_t>(0.975 * resamples)], tolerance));
}

TEST_CASE("Percentiles are linear between order statistics") {
  // Values 0 .. 40 in the order of the resamples: 2.5 % is 1, 97.5 % is 39; one undefined value is left out.
  Clusters c;
  c.of_row = {0};
  c.count = 1;
  std::vector<double> queue;
  for (int i = 0; i <= 40; ++i) queue.push_back(i);
  queue.push_back(test::nan);
  const auto next = [&](std::span<const double>) {
    double v = 0.0;
#pragma omp critical
    {
      v = queue.back();
      queue.pop_back();
    }
    return v;
  };
  const BootstrapResult r = bootstrap(c, next, {42, 1});
  CHECK(r.undefined == 1);
  CHECK(near(r.ci95.low, 1.0));
  CHECK(near(r.ci95.high, 39.0));
  queue = {3.0, 1.0};
  const BootstrapResult two = bootstrap(c, next, {2, 1});
  CHECK(near(two.ci95.low, 1.0 + 0.025 * 2.0));
  CHECK(near(two.ci95.high, 1.0 + 0.975 * 2.0));
}

TEST_CASE("Intervals of clustered data cover the truth; resampling rows would be too narrow") {
  const Threads one(1);
  // Score = label + what the patient's four pictures share + noise; the label is the patient's. Between two patients:
  // AUC = Phi(1 / sqrt(2 (1 + 0.25))); pairs are always of two patients.
  const double truth = 0.5 * std::erfc(-1.0 / std::sqrt(2.5) / std::sqrt(2.0));
  int covered = 0, covered_by_rows = 0;
  constexpr int trials = 300;
  for (int t = 0; t < trials; ++t) {
    Random random = test::random_of(static_cast<std::uint64_t>(t) + 900);
    std::vector<double> score;
    std::vector<int> label;
    Clusters patients, rows;
    patients.count = 60;
    rows.count = 240;
    for (std::uint32_t g = 0; g < patients.count; ++g) {
      const double shared = random.normal();
      for (std::uint32_t i = 0; i < 4; ++i) {
        label.push_back(g % 2 == 0);
        score.push_back(label.back() + shared + 0.5 * random.normal());
        patients.of_row.push_back(g);
        rows.of_row.push_back(g * 4 + i);
      }
    }
    const Interval a = bootstrap_auc(score, label, patients, {500, static_cast<std::uint64_t>(t)}).ci95;
    const Interval b = bootstrap_auc(score, label, rows, {500, static_cast<std::uint64_t>(t)}).ci95;
    covered += a.low <= truth && truth <= a.high;
    covered_by_rows += b.low <= truth && truth <= b.high;
  }
  CAPTURE(covered);
  CAPTURE(covered_by_rows);
  CHECK(covered >= 267);          // 95 % are 285; percentile intervals of 60 groups fall a little short
  CHECK(covered_by_rows <= 225);  // less than 75 %
}

TEST_CASE("Resamples with one label only are undefined: left out and counted") {
  const std::vector<double> score{0.1, 0.9};
  const std::vector<int> label{0, 1};
  Clusters c;
  c.of_row = {0, 1};
  c.count = 2;
  const BootstrapResult r = bootstrap_auc(score, label, c, {1000, 42});
  CHECK(r.undefined >= 420);  // half of the draws, give or take five deviations
  CHECK(r.undefined <= 580);
  CHECK(std::count_if(r.values.begin(), r.values.end(), [](double v) { return std::isnan(v); }) == r.undefined);
  CHECK(r.ci95.low == 1.0);
  CHECK(r.ci95.high == 1.0);
  const std::vector<int> one{1, 1};
  const BootstrapResult never = bootstrap_auc(score, one, c, {10, 42});
  CHECK(never.undefined == 10);
  CHECK(std::isnan(never.ci95.low));
  CHECK(bootstrap_auc({}, {}, Clusters{}, {3, 42}).undefined == 3);
  const std::vector<double> single{0.5};
  CHECK(bootstrap_auc(single, std::vector<int>{1}, clusters_of({"a"}), {3, 42}).undefined == 3);
}

TEST_CASE("Bad calls are refused; what a metric throws comes out of the threads") {
  const std::vector<double> score{0.1, 0.9}, bad{0.1, test::nan};
  const std::vector<int> label{0, 1};
  const Clusters c = clusters_of({"a", "b"});
  CHECK_THROWS_WITH_AS(bootstrap_auc(bad, label, c, {}), doctest::Contains("row 1 is not finite"), DataError);
  CHECK_THROWS_AS(bootstrap_auc(score, std::vector<int>{0, 2}, c, {}), DataError);
  CHECK_THROWS_AS(bootstrap_auc(score, label, clusters_of({"a"}), {}), UsageError);
  CHECK_THROWS_AS(bootstrap_auc(score, label, c, {0, 42}), UsageError);
  Clusters gap = c;
  gap.of_row[1] = 2;
  CHECK_THROWS_AS(bootstrap_auc(score, label, gap, {}), UsageError);
  const auto broken = [](std::span<const double>) -> double { throw DataError("row 3"); };
  CHECK_THROWS_WITH_AS(bootstrap(c, broken, {100, 42}), "row 3", DataError);
}

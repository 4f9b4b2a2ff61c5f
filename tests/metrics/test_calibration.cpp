// Probabilities against what happened: log loss, Brier score, calibration error.
#include <doctest/doctest.h>

#include "engine/metrics/multiclass.h"
#include "engine/tensor/error.h"
#include "tests/metrics/support.h"

using namespace engine;
using test::near;

namespace {

// Expected calibration error by its definition, one pass over the rows for each bin.
double calibration_error_by_bins(const BinaryData& d, int bins) {
  double sum = 0.0, total = 0.0;
  for (int b = 0; b < bins; ++b) {
    const double low = static_cast<double>(b) / bins, high = static_cast<double>(b + 1) / bins;
    double n = 0.0, score = 0.0, hits = 0.0;
    for (std::size_t i = 0; i < d.score.size(); ++i) {
      const bool inside = (d.score[i] > low || (b == 0 && d.score[i] == 0.0)) && d.score[i] <= high;
      if (!inside) continue;
      n += d.weight[i];
      score += d.weight[i] * d.score[i];
      hits += d.weight[i] * d.label[i];
    }
    total += n;
    if (n > 0.0) sum += n * std::abs(hits / n - score / n);
  }
  return sum / total;
}

}  // namespace

TEST_CASE("Log loss and Brier score equal their formulas") {
  const test::Rows r = test::random_rows(21, 157, 0.3f, 0);
  double loss = 0.0, squares = 0.0, total = 0.0;
  for (std::size_t i = 0; i < r.score.size(); ++i) {
    const double right = r.label[i] ? r.score[i] : 1.0 - r.score[i];
    loss += r.weight[i] * std::log(right);
    squares += r.weight[i] * (1.0 - right) * (1.0 - right);
    total += r.weight[i];
  }
  CHECK(near(log_loss(r.weighted()), -loss / total));
  CHECK(near(brier(r.weighted()), squares / total));
}

TEST_CASE("Log loss clips: a sure and wrong answer costs ln 10^7, not infinity") {
  const std::vector<double> score{0.0, 1.0};
  const std::vector<int> wrong{1, 0}, right{0, 1};
  CHECK(near(log_loss({score, wrong}), 7.0 * std::log(10.0), 1e-8));
  CHECK(near(log_loss({score, right}), -std::log1p(-1e-7)));
}

TEST_CASE("Calibration error equals its definition bin by bin") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed)
    for (const int bins : {1, 2, 7, 15, 64}) {
      CAPTURE(seed);
      CAPTURE(bins);
      const test::Rows r = test::random_rows(seed, 203, 0.4f, 0);
      CHECK(near(calibration_error(r.weighted(), bins), calibration_error_by_bins(r.weighted(), bins)));
    }
}

TEST_CASE("Bins are closed above: quarters fall into the bin below, 0 into the first") {
  // Exact binary fractions. Bins of four: {0, 0.25}, {0.5}, {0.75}, {1}.
  const std::vector<double> score{0.0, 0.25, 0.5, 0.75, 1.0};
  const std::vector<int> label{1, 0, 1, 0, 1};
  CHECK(near(calibration_error({score, label}, 4), (std::abs(1.0 - 0.25) + 0.5 + 0.75 + 0.0) / 5.0));
}

TEST_CASE("Labels drawn with the stated probabilities are calibrated, constant overconfidence is measured") {
  Random random = test::random_of(22);
  std::vector<double> score, over;
  std::vector<int> label;
  for (int i = 0; i < 200000; ++i) {
    const double p = random.uniform(0.05f, 0.75f);
    score.push_back(p);
    over.push_back(p + 0.2);
    label.push_back(random.uniform() < p);
  }
  CHECK(calibration_error({score, label}) <= 0.01);
  CHECK(near(calibration_error({over, label}), 0.2, 0.01));
}

TEST_CASE("Scores far outside [0, 1] land in the outer bins; no bins are refused") {
  const std::vector<double> score{-1e300, 1e300};
  const std::vector<int> label{0, 1};
  CHECK(near(calibration_error({score, label}, 15) / 1e300, 1.0));
  CHECK_THROWS_AS(calibration_error({score, label}, 0), UsageError);
}

TEST_CASE("With two classes the multi-class forms meet the binary ones") {
  const test::Rows r = test::random_rows(23, 119, 0.4f, 0);
  std::vector<double> probability;
  std::vector<std::int64_t> label;
  std::vector<double> confidence;
  std::vector<int> right;
  for (std::size_t i = 0; i < r.score.size(); ++i) {
    probability.push_back(1.0 - r.score[i]);
    probability.push_back(r.score[i]);
    label.push_back(r.label[i]);
    confidence.push_back(std::max(r.score[i], 1.0 - r.score[i]));
    right.push_back((r.score[i] > 0.5) == (r.label[i] == 1));
  }
  const MulticlassData d{probability, label, 2, r.weight};
  CHECK(near(log_loss(d), log_loss(r.weighted())));
  CHECK(near(brier(d), 2.0 * brier(r.weighted())));  // both classes' gaps are counted
  CHECK(near(calibration_error(d), calibration_error({confidence, right, r.weight})));
  const auto auc = one_vs_rest_auc(d);
  CHECK(near(auc[0], roc_auc(r.weighted())));
  CHECK(near(auc[1], roc_auc(r.weighted())));
}

// Metrics of class probabilities and of confusion matrices.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "engine/metrics/multiclass.h"
#include "engine/tensor/error.h"
#include "tests/metrics/support.h"

using namespace engine;
using test::near;

namespace {

struct Table {
  std::vector<double> probability, weight;
  std::vector<std::int64_t> label;
  int classes;

  MulticlassData data() const { return {probability, label, classes, weight}; }
};

// Probabilities in steps of 1 / 8, so that equal ones occur.
Table random_table(std::uint64_t seed, std::size_t n, int classes) {
  Random random = test::random_of(seed);
  Table t;
  t.classes = classes;
  for (std::size_t i = 0; i < n; ++i) {
    t.label.push_back(random.below(static_cast<std::uint32_t>(classes)));
    t.weight.push_back(0.5 + random.uniform());
    for (int c = 0; c < classes; ++c)
      t.probability.push_back(0.125 * random.below(9) + (c == t.label.back() ? 0.25 : 0.0));
  }
  return t;
}

// Kappa from pairs of raters' grades, as Cohen (1968) writes it: 1 - mean disagreement of the pairs over the mean
// disagreement of every first grade with every second.
double kappa_of_pairs(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b, int power) {
  const auto disagreement = [&](std::int64_t x, std::int64_t y) {
    return x == y ? 0.0 : std::pow(std::abs(static_cast<double>(x - y)), power);
  };
  double observed = 0.0, expected = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    observed += disagreement(a[i], b[i]);
    for (std::size_t j = 0; j < b.size(); ++j) expected += disagreement(a[i], b[j]);
  }
  return 1.0 - observed * static_cast<double>(a.size()) / expected;
}

}  // namespace

TEST_CASE("The class decided for is the largest, the first of equals") {
  const std::vector<double> p{0.2, 0.4, 0.4, /**/ 0.5, 0.1, 0.4, /**/ 0.3, 0.3, 0.3};
  const std::vector<std::int64_t> label{2, 0, 2};
  const MulticlassData d{p, label, 3};
  CHECK(top_class(d) == std::vector<std::int64_t>{1, 0, 0});
  CHECK(confusion_matrix(d) == std::vector<double>{1, 0, 0, 0, 0, 0, 1, 1, 0});
  CHECK(near(top_k_accuracy(d, 1), 1.0 / 3));
  CHECK(near(top_k_accuracy(d, 2), 2.0 / 3));
  CHECK(top_k_accuracy(d, 3) == 1.0);
}

TEST_CASE("The confusion matrix adds weights, and accuracy is its diagonal") {
  const Table t = random_table(31, 143, 4);
  const auto m = confusion_matrix(t.data());
  CHECK(near(std::accumulate(m.begin(), m.end(), 0.0), std::accumulate(t.weight.begin(), t.weight.end(), 0.0), 1e-10));
  double hits = 0.0, recall_sum = 0.0;
  for (std::int64_t c = 0; c < t.classes; ++c) {
    double of_class = 0.0, right = 0.0;
    for (std::size_t i = 0; i < t.label.size(); ++i) {
      const double* row = &t.probability[i * 4];
      if (t.label[i] != c) continue;
      of_class += t.weight[i];
      if (std::max_element(row, row + 4) - row == c) right += t.weight[i];
    }
    hits += right;
    recall_sum += right / of_class;
  }
  CHECK(near(accuracy(m, 4), hits / std::accumulate(t.weight.begin(), t.weight.end(), 0.0)));
  CHECK(near(accuracy(m, 4), top_k_accuracy(t.data(), 1)));
  CHECK(near(balanced_accuracy(m, 4), recall_sum / 4));
}

TEST_CASE("F1 is averaged over the classes that occur or are decided for") {
  // Classes 0: 2 hits, 1 missed, 1 false; 1: 1 hit, 1 missed, 1 false; 2: occurs nowhere; 3: decided once, never true.
  const std::vector<double> m{2, 1, 0, 0, /**/ 0, 1, 0, 1, /**/ 0, 0, 0, 0, /**/ 0, 0, 0, 0};
  const double f0 = 4.0 / 5, f1 = 2.0 / 4, f3 = 0.0;
  CHECK(near(macro_f1(m, 4), (f0 + f1 + f3) / 3));
  CHECK(near(balanced_accuracy(m, 4), (2.0 / 3 + 1.0 / 2) / 2));
}

TEST_CASE("Kappa of a matrix equals kappa over all pairs of grades") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Random random = test::random_of(seed);
    std::vector<std::int64_t> a, b;
    std::vector<double> m(25, 0.0);
    for (int i = 0; i < 61; ++i) {
      a.push_back(random.below(5));
      b.push_back(random.bernoulli(0.5f) ? a.back() : random.below(5));
      m[static_cast<std::size_t>(a.back() * 5 + b.back())] += 1.0;
    }
    for (const int power : {0, 1, 2}) {
      CAPTURE(seed);
      CAPTURE(power);
      CHECK(near(kappa(m, 5, power), kappa_of_pairs(a, b, power)));
    }
  }
}

TEST_CASE("Kappa is 1 for agreement, 0 for independence, negative for reversal, undefined for one class") {
  for (const int power : {0, 1, 2}) {
    CAPTURE(power);
    CHECK(near(kappa(std::vector<double>{5, 0, 0, 0, 3, 0, 0, 0, 2}, 3, power), 1.0));
    CHECK(near(kappa(std::vector<double>{2, 4, 6, 3, 6, 9, 1, 2, 3}, 3, power), 0.0));
    CHECK(near(kappa(std::vector<double>{0, 5, 5, 0}, 2, power), -1.0));
    CHECK(std::isnan(kappa(std::vector<double>{7, 0, 0, 0}, 2, power)));
    CHECK(std::isnan(kappa(std::vector<double>(4, 0.0), 2, power)));
  }
}

TEST_CASE("Log loss and Brier score of classes equal their formulas") {
  Table t = random_table(32, 77, 3);
  double loss = 0.0, squares = 0.0, total = 0.0;
  for (std::size_t i = 0; i < t.label.size(); ++i) {
    double* row = &t.probability[i * 3];
    const double sum = row[0] + row[1] + row[2] + 0.3;
    for (int c = 0; c < 3; ++c) row[c] = (row[c] + 0.1) / sum;
    const double p = row[t.label[i]];
    // |p - e_y|^2 = |p|^2 - 2 p_y + 1
    squares += t.weight[i] * (row[0] * row[0] + row[1] * row[1] + row[2] * row[2] - 2.0 * p + 1.0);
    loss -= t.weight[i] * std::log(p);
    total += t.weight[i];
  }
  CHECK(near(log_loss(t.data()), loss / total));
  CHECK(near(brier(t.data()), squares / total));
}

TEST_CASE("One class against the rest counts pairs; a class that does not occur is undefined and counted") {
  Table t = random_table(33, 151, 5);
  for (auto& label : t.label)
    if (label == 3) label = 1;
  const auto auc = one_vs_rest_auc(t.data()), precision = one_vs_rest_average_precision(t.data());
  REQUIRE(auc.size() == 5);
  double sum = 0.0;
  for (std::int64_t c = 0; c < 5; ++c) {
    const auto at = static_cast<std::size_t>(c);
    CAPTURE(c);
    test::Rows r;
    r.weight = t.weight;
    for (std::size_t i = 0; i < t.label.size(); ++i) {
      r.score.push_back(t.probability[i * 5 + at]);
      r.label.push_back(t.label[i] == c);
    }
    if (c == 3) {
      CHECK(std::isnan(auc[at]));
      CHECK(std::isnan(precision[at]));
      continue;
    }
    CHECK(near(auc[at], test::pairwise_auc(r.weighted())));
    CHECK(near(precision[at], average_precision(r.weighted())));
    sum += auc[at];
  }
  const MacroMean macro = mean_of_defined(auc);
  CHECK(macro.undefined == 1);
  CHECK(near(macro.value, sum / 4));
}

TEST_CASE("A class that is alone has no rest: undefined, and the mean of nothing is undefined") {
  const std::vector<double> p{0.7, 0.3, 0.6, 0.4};
  const std::vector<std::int64_t> label{0, 0};
  const auto auc = one_vs_rest_auc({p, label, 2}), precision = one_vs_rest_average_precision({p, label, 2});
  for (const auto& values : {auc, precision}) {
    const MacroMean macro = mean_of_defined(values);
    CHECK(std::isnan(macro.value));
    CHECK(macro.undefined == 2);
  }
}

TEST_CASE("No rows: everything is undefined") {
  const MulticlassData d{{}, {}, 3};
  for (const double value :
       {log_loss(d), brier(d), calibration_error(d), top_k_accuracy(d, 1), accuracy(confusion_matrix(d), 3),
        balanced_accuracy(confusion_matrix(d), 3), macro_f1(confusion_matrix(d), 3)})
    CHECK(std::isnan(value));
}

TEST_CASE("Probabilities that are not finite and labels outside the classes are refused with their row") {
  const std::vector<std::int64_t> label{0, 1};
  for (const double bad : {test::nan, HUGE_VAL}) {
    const std::vector<double> p{0.5, 0.5, 0.5, bad};
    CHECK_THROWS_WITH_AS(log_loss(MulticlassData{p, label, 2}), doctest::Contains("row 1 is not finite"), DataError);
    CHECK_THROWS_AS(confusion_matrix({p, label, 2}), DataError);
    CHECK_THROWS_AS(one_vs_rest_auc({p, label, 2}), DataError);
  }
  const std::vector<double> p{0.5, 0.5, 0.5, 0.5};
  for (const std::int64_t bad : {-1, 2}) {
    const std::vector<std::int64_t> labels{0, bad};
    CHECK_THROWS_WITH_AS(top_class({p, labels, 2}), doctest::Contains("row 1 is outside of the 2 classes"), DataError);
  }
  const std::vector<double> weight{1.0, -1.0};
  CHECK_THROWS_WITH_AS(confusion_matrix({p, label, 2, weight}), doctest::Contains("weight -1 of row 1"), DataError);
  CHECK_THROWS_AS(brier(MulticlassData{p, label, 3}), UsageError);
  CHECK_THROWS_AS(accuracy(p, 3), UsageError);
}

// Ranking metrics and decisions of one score against one label.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "engine/tensor/error.h"
#include "tests/metrics/support.h"

using namespace engine;
using test::near;

namespace {

// Average precision by its definition: for each distinct threshold, precision and recall are counted anew.
double average_precision_by_counting(const BinaryData& d) {
  const std::set<double, std::greater<>> thresholds(d.score.begin(), d.score.end());
  double total = 0.0;
  for (std::size_t i = 0; i < d.label.size(); ++i) total += d.label[i] ? d.weight[i] : 0.0;
  double sum = 0.0, recall_before = 0.0;
  for (const double t : thresholds) {
    double hit = 0.0, decided = 0.0;
    for (std::size_t i = 0; i < d.label.size(); ++i) {
      if (d.score[i] < t) continue;
      decided += d.weight[i];
      hit += d.label[i] ? d.weight[i] : 0.0;
    }
    if (decided > 0.0) sum += (hit / total - recall_before) * (hit / decided);
    recall_before = hit / total;
  }
  return sum;
}

}  // namespace

TEST_CASE("AUC equals the share of pairs in the right order, with ties and weights") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    for (const int grid : {0, 3, 50}) {
      CAPTURE(seed);
      CAPTURE(grid);
      const test::Rows r = test::random_rows(seed, 31 + seed * 7, 0.3f, grid);
      CHECK(near(roc_auc(r.data()), test::pairwise_auc(r.data())));
      CHECK(near(roc_auc(r.weighted()), test::pairwise_auc(r.weighted())));
    }
}

TEST_CASE("AUC depends on the order of the scores alone, and turns around with the sign") {
  test::Rows r = test::random_rows(3, 211, 0.4f, 20);
  const double auc = roc_auc(r.data());
  for (double& s : r.score) s = std::exp(5.0 * s) - 17.0;
  CHECK(roc_auc(r.data()) == auc);
  for (double& s : r.score) s = -s;
  CHECK(near(roc_auc(r.data()), 1.0 - auc));
}

TEST_CASE("A weight of k counts like k rows") {
  const test::Rows r = test::random_rows(4, 97, 0.5f, 9);
  test::Rows once, many;
  for (std::size_t i = 0; i < r.score.size(); ++i) {
    const int times = static_cast<int>(i % 4);  // 0 as well: such a row is not there
    once.score.push_back(r.score[i]);
    once.label.push_back(r.label[i]);
    once.weight.push_back(times);
    for (int k = 0; k < times; ++k) {
      many.score.push_back(r.score[i]);
      many.label.push_back(r.label[i]);
    }
  }
  using Metric = double (*)(const BinaryData&);
  const std::pair<const char*, Metric> metrics[] = {
      {"roc_auc", roc_auc},
      {"average_precision", average_precision},
      {"log_loss", log_loss},
      {"brier", brier},
      {"calibration_error", [](const BinaryData& d) { return calibration_error(d); }},
      {"sensitivity_at_specificity", [](const BinaryData& d) { return sensitivity_at_specificity(d).sensitivity; }},
      {"accuracy", [](const BinaryData& d) { return decide(d).accuracy; }},
      {"balanced_accuracy", [](const BinaryData& d) { return decide(d).balanced_accuracy; }},
      {"f1", [](const BinaryData& d) { return decide(d).f1; }},
      {"precision", [](const BinaryData& d) { return decide(d).precision; }}};
  for (const auto& [name, metric] : metrics) {
    INFO(std::string(name));
    CHECK(near(metric(once.weighted()), metric(many.data())));
  }
}

TEST_CASE("Average precision equals its definition by counting at every threshold") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    for (const int grid : {0, 3, 50}) {
      CAPTURE(seed);
      CAPTURE(grid);
      test::Rows r = test::random_rows(seed, 29 + seed * 5, 0.2f, grid);
      if (std::count(r.label.begin(), r.label.end(), 1) == 0) r.label[0] = 1;
      r.weight[static_cast<std::size_t>(std::find(r.label.begin(), r.label.end(), 1) - r.label.begin())] = 1.5;
      CHECK(near(average_precision(r.weighted()), average_precision_by_counting(r.weighted())));
    }
}

TEST_CASE("Average precision of a perfect ranking is 1, of one score for all the prevalence") {
  const std::vector<double> perfect{0.9, 0.8, 0.2, 0.1, 0.05}, flat(5, 0.3);
  const std::vector<int> label{1, 1, 0, 0, 0};
  CHECK(average_precision({perfect, label}) == 1.0);
  CHECK(near(average_precision({flat, label}), 0.4));
}

TEST_CASE("Decisions come from the four counts") {
  // Above the threshold: 3 true, 1 false; below: 2 missed, 4 rightly refused. A score at the threshold is a yes.
  const std::vector<double> score{0.5, 0.9, 0.7, 0.6, 0.1, 0.49, 0.2, 0.3, 0.4, 0.0};
  const std::vector<int> label{1, 1, 1, 0, 1, 1, 0, 0, 0, 0};
  const BinaryDecisions d = decide({score, label});
  CHECK(near(d.accuracy, 7.0 / 10));
  CHECK(near(d.sensitivity, 3.0 / 5));
  CHECK(near(d.specificity, 4.0 / 5));
  CHECK(near(d.balanced_accuracy, 0.7));
  CHECK(near(d.precision, 3.0 / 4));
  CHECK(near(d.f1, 2 * 0.75 * 0.6 / (0.75 + 0.6)));
  CHECK(near(decide({score, label}, 0.95).specificity, 1.0));
  CHECK(std::isnan(decide({score, label}, 0.95).precision));  // nobody was called positive
  CHECK(near(decide({score, label}, 0.0).sensitivity, 1.0));
}

TEST_CASE("Sensitivity at a specificity is the best over every threshold that keeps it") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    for (const int grid : {0, 5, 40})
      for (const double wanted : {0.0, 0.5, 0.9, 0.95, 1.0}) {
        CAPTURE(seed);
        CAPTURE(grid);
        CAPTURE(wanted);
        const test::Rows r = test::random_rows(seed, 83, 0.4f, grid);
        double best = 0.0;
        for (const double t : r.score) {
          const BinaryDecisions d = decide(r.data(), t);
          if (d.specificity >= wanted) best = std::max(best, d.sensitivity);
        }
        const SensitivityAt found = sensitivity_at_specificity(r.data(), wanted);
        CHECK(near(found.sensitivity, best));
        if (std::isinf(found.threshold)) {
          CHECK(best == 0.0);
        } else {
          CHECK(near(decide(r.data(), found.threshold).sensitivity, best));
          CHECK(decide(r.data(), found.threshold).specificity >= wanted);
        }
      }
}

TEST_CASE("The ROC curve starts at nobody, ends at everybody, and encloses the AUC") {
  const test::Rows r = test::random_rows(11, 301, 0.3f, 25);
  const auto curve = roc_curve(r.data());
  const std::set<double> distinct(r.score.begin(), r.score.end());
  REQUIRE(curve.size() == distinct.size() + 1);
  CHECK(curve.front().true_positive_rate == 0.0);
  CHECK(curve.front().false_positive_rate == 0.0);
  CHECK(curve.back().true_positive_rate == 1.0);
  CHECK(curve.back().false_positive_rate == 1.0);
  double area = 0.0;  // by trapezia
  for (std::size_t i = 1; i < curve.size(); ++i) {
    area += (curve[i].false_positive_rate - curve[i - 1].false_positive_rate) * 0.5 *
            (curve[i].true_positive_rate + curve[i - 1].true_positive_rate);
    const BinaryDecisions d = decide(r.data(), curve[i].threshold);
    CHECK(near(curve[i].true_positive_rate, d.sensitivity));
    CHECK(near(curve[i].false_positive_rate, 1.0 - d.specificity));
    CHECK(near(curve[i].precision, d.precision));
  }
  CHECK(near(area, roc_auc(r.data())));
}

TEST_CASE("What needs both labels is undefined without one of them, not one half") {
  const std::vector<double> score{0.1, 0.7, 0.7};
  const std::vector<int> none{0, 0, 0}, all{1, 1, 1}, mixed{1, 1, 0};
  const std::vector<double> weightless{1.0, 1.0, 0.0};
  for (const auto& label : {none, all}) {
    CHECK(std::isnan(roc_auc({score, label})));
    CHECK(std::isnan(sensitivity_at_specificity({score, label}).sensitivity));
    CHECK(std::isnan(decide({score, label}).balanced_accuracy));
  }
  CHECK(std::isnan(roc_auc({score, mixed, weightless})));  // the only negative weighs nothing
  CHECK(std::isnan(average_precision({score, none})));
  CHECK(average_precision({score, all}) == 1.0);
  CHECK(std::isnan(decide({score, none}).sensitivity));
  CHECK(std::isnan(decide({score, all}).specificity));
}

TEST_CASE("One row and no row") {
  const std::vector<double> score{0.7};
  const std::vector<int> label{1};
  CHECK(std::isnan(roc_auc({score, label})));
  CHECK(average_precision({score, label}) == 1.0);
  CHECK(near(log_loss({score, label}), -std::log(0.7)));
  CHECK(near(brier({score, label}), 0.09));
  CHECK(near(calibration_error({score, label}), 0.3));
  for (const double value : {roc_auc({}), average_precision({}), log_loss({}), brier({}), calibration_error({}),
                             sensitivity_at_specificity({}).sensitivity, decide({}).accuracy})
    CHECK(std::isnan(value));
  CHECK(roc_curve({}).size() == 1);
}

TEST_CASE("Bad rows are refused by every metric, with their position") {
  const std::vector<double> good{0.2, 0.4, 0.6};
  const std::vector<int> label{0, 1, 1};
  using Metric = void (*)(const BinaryData&);
  const Metric metrics[] = {[](const BinaryData& d) { roc_auc(d); },
                            [](const BinaryData& d) { average_precision(d); },
                            [](const BinaryData& d) { decide(d); },
                            [](const BinaryData& d) { log_loss(d); },
                            [](const BinaryData& d) { brier(d); },
                            [](const BinaryData& d) { calibration_error(d); },
                            [](const BinaryData& d) { sensitivity_at_specificity(d); },
                            [](const BinaryData& d) { roc_curve(d); }};
  for (const Metric metric : metrics) {
    for (const double bad : {test::nan, HUGE_VAL, -HUGE_VAL}) {
      const std::vector<double> score{0.2, bad, 0.6};
      CHECK_THROWS_WITH_AS(metric({score, label}), doctest::Contains("row 1 is not finite"), DataError);
    }
    for (const int bad : {-1, 2}) {
      const std::vector<int> labels{0, 1, bad};
      CHECK_THROWS_WITH_AS(metric({good, labels}), doctest::Contains("row 2 is not 0 or 1"), DataError);
    }
    for (const double bad : {test::nan, HUGE_VAL, -0.5}) {
      const std::vector<double> weight{bad, 1.0, 1.0};
      CHECK_THROWS_WITH_AS(metric({good, label, weight}), doctest::Contains("of row 0"), DataError);
    }
    const std::vector<int> two{0, 1};
    CHECK_THROWS_WITH_AS(metric({good, two}), doctest::Contains("3 scores, 2 labels"), UsageError);
    const std::vector<double> weight{1.0};
    CHECK_THROWS_WITH_AS(metric({good, label, weight}), doctest::Contains("1 weights"), UsageError);
  }
}

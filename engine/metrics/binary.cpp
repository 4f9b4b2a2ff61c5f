#include "engine/metrics/binary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/tensor/error.h"

namespace engine {
namespace {

void check(const BinaryData& d) {
  if (d.score.size() != d.label.size() || (!d.weight.empty() && d.weight.size() != d.score.size()))
    throw UsageError("metrics: {} scores, {} labels, {} weights", d.score.size(), d.label.size(), d.weight.size());
  for (std::size_t i = 0; i < d.score.size(); ++i) {
    if (!std::isfinite(d.score[i])) throw DataError("metrics: score {} of row {} is not finite", d.score[i], i);
    if (d.label[i] != 0 && d.label[i] != 1) throw DataError("metrics: label {} of row {} is not 0 or 1", d.label[i], i);
    if (!d.weight.empty() && !(d.weight[i] >= 0.0 && std::isfinite(d.weight[i])))
      throw DataError("metrics: weight {} of row {}", d.weight[i], i);
  }
}

double weight_of(const BinaryData& d, std::size_t i) { return d.weight.empty() ? 1.0 : d.weight[i]; }

struct Totals {
  double positive = 0, negative = 0;
};

Totals totals_of(const BinaryData& d) {
  Totals t;
  for (std::size_t i = 0; i < d.score.size(); ++i) (d.label[i] ? t.positive : t.negative) += weight_of(d, i);
  return t;
}

// Calls f(score, positive weight, negative weight) for each distinct score, the largest first.
template <class F>
void for_each_score(const BinaryData& d, F f) {
  std::vector<std::size_t> order(d.score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return d.score[a] > d.score[b]; });
  for (std::size_t i = 0; i < order.size();) {
    const double score = d.score[order[i]];
    Totals here;
    for (; i < order.size() && d.score[order[i]] == score; ++i)
      (d.label[order[i]] ? here.positive : here.negative) += weight_of(d, order[i]);
    f(score, here.positive, here.negative);
  }
}

double ratio(double a, double b) { return b > 0.0 ? a / b : undefined; }

}  // namespace

double roc_auc(const BinaryData& d) {
  check(d);
  const Totals total = totals_of(d);
  if (!(total.positive > 0.0 && total.negative > 0.0)) return undefined;
  double above = 0.0, area = 0.0;  // positives above the present score
  for_each_score(d, [&](double, double positive, double negative) {
    area += negative * (above + 0.5 * positive);
    above += positive;
  });
  return area / (total.positive * total.negative);
}

double average_precision(const BinaryData& d) {
  check(d);
  const Totals total = totals_of(d);
  if (!(total.positive > 0.0)) return undefined;
  double positives = 0.0, all = 0.0, sum = 0.0;
  for_each_score(d, [&](double, double positive, double negative) {
    positives += positive;
    all += positive + negative;
    if (all > 0.0) sum += positive / total.positive * (positives / all);
  });
  return sum;
}

BinaryDecisions decide(const BinaryData& d, double threshold) {
  check(d);
  double hit[2] = {}, total[2] = {}, false_positive = 0.0;
  for (std::size_t i = 0; i < d.score.size(); ++i) {
    const int decided = d.score[i] >= threshold, truth = d.label[i];
    total[truth] += weight_of(d, i);
    if (decided == truth) hit[truth] += weight_of(d, i);
    if (decided && !truth) false_positive += weight_of(d, i);
  }
  BinaryDecisions r{};
  r.accuracy = ratio(hit[0] + hit[1], total[0] + total[1]);
  r.sensitivity = ratio(hit[1], total[1]);
  r.specificity = ratio(hit[0], total[0]);
  r.balanced_accuracy = 0.5 * (r.sensitivity + r.specificity);
  r.precision = ratio(hit[1], hit[1] + false_positive);
  const double denominator = hit[1] + false_positive + total[1];
  r.f1 = denominator > 0.0 ? 2.0 * hit[1] / denominator : 0.0;
  return r;
}

double log_loss(const BinaryData& d) {
  check(d);
  double sum = 0.0, total = 0.0;
  for (std::size_t i = 0; i < d.score.size(); ++i) {
    const double p = std::clamp(d.score[i], 1e-7, 1.0 - 1e-7);
    sum -= weight_of(d, i) * std::log(d.label[i] ? p : 1.0 - p);
    total += weight_of(d, i);
  }
  return ratio(sum, total);
}

double brier(const BinaryData& d) {
  check(d);
  double sum = 0.0, total = 0.0;
  for (std::size_t i = 0; i < d.score.size(); ++i) {
    sum += weight_of(d, i) * (d.score[i] - d.label[i]) * (d.score[i] - d.label[i]);
    total += weight_of(d, i);
  }
  return ratio(sum, total);
}

double calibration_error(const BinaryData& d, int bins) {
  check(d);
  if (bins < 1) throw UsageError("calibration error: {} bins", bins);
  std::vector<double> gap(static_cast<std::size_t>(bins), 0.0);
  double total = 0.0;
  for (std::size_t i = 0; i < d.score.size(); ++i) {
    const double bin = std::clamp(std::ceil(d.score[i] * bins) - 1.0, 0.0, bins - 1.0);
    gap[static_cast<std::size_t>(bin)] += weight_of(d, i) * (d.label[i] - d.score[i]);
    total += weight_of(d, i);
  }
  double sum = 0.0;
  for (double g : gap) sum += std::abs(g);
  return ratio(sum, total);
}

SensitivityAt sensitivity_at_specificity(const BinaryData& d, double specificity) {
  check(d);
  const Totals total = totals_of(d);
  if (!(total.positive > 0.0 && total.negative > 0.0)) return {undefined, undefined};
  SensitivityAt best{0.0, std::numeric_limits<double>::infinity()};
  double positives = 0.0, negatives = 0.0;
  for_each_score(d, [&](double score, double positive, double negative) {
    positives += positive;
    negatives += negative;
    if ((total.negative - negatives) / total.negative >= specificity && positives > 0.0)
      best = {positives / total.positive, score};
  });
  return best;
}

std::vector<CurvePoint> roc_curve(const BinaryData& d) {
  check(d);
  const Totals total = totals_of(d);
  std::vector<CurvePoint> curve{{std::numeric_limits<double>::infinity(), 0.0, 0.0, 1.0}};
  double positives = 0.0, negatives = 0.0;
  for_each_score(d, [&](double score, double positive, double negative) {
    positives += positive;
    negatives += negative;
    curve.push_back({score, ratio(positives, total.positive), ratio(negatives, total.negative),
                     ratio(positives, positives + negatives)});
  });
  return curve;
}

}  // namespace engine

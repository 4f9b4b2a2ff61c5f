#include "engine/metrics/multiclass.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/metrics/binary.h"
#include "engine/tensor/error.h"

namespace engine {
namespace {

void check(const MulticlassData& d) {
  const auto c = static_cast<std::size_t>(d.classes);
  if (d.classes < 1 || d.probability.size() != d.size() * c || (!d.weight.empty() && d.weight.size() != d.size()))
    throw UsageError("metrics: {} probabilities and {} weights for {} rows of {} classes", d.probability.size(),
                     d.weight.size(), d.size(), d.classes);
  for (std::size_t i = 0; i < d.size(); ++i)
    if (d.label[i] < 0 || d.label[i] >= d.classes)
      throw DataError("metrics: label {} of row {} is outside of the {} classes", d.label[i], i, d.classes);
  for (std::size_t i = 0; i < d.probability.size(); ++i)
    if (!std::isfinite(d.probability[i]))
      throw DataError("metrics: probability {} of row {} is not finite", d.probability[i], i / c);
  for (std::size_t i = 0; i < d.weight.size(); ++i)
    if (!(d.weight[i] >= 0.0 && std::isfinite(d.weight[i])))
      throw DataError("metrics: weight {} of row {}", d.weight[i], i);
}

double weight_of(const MulticlassData& d, std::size_t i) { return d.weight.empty() ? 1.0 : d.weight[i]; }
const double* row_of(const MulticlassData& d, std::size_t i) {
  return d.probability.data() + i * static_cast<std::size_t>(d.classes);
}
std::size_t top_of(const MulticlassData& d, std::size_t i) {
  const double* row = row_of(d, i);
  return static_cast<std::size_t>(std::max_element(row, row + d.classes) - row);
}
std::size_t truth_of(const MulticlassData& d, std::size_t i) { return static_cast<std::size_t>(d.label[i]); }

// Weighted mean of f(row).
template <class F>
double mean(const MulticlassData& d, F f) {
  double sum = 0.0, total = 0.0;
  for (std::size_t i = 0; i < d.size(); ++i) {
    sum += weight_of(d, i) * f(i);
    total += weight_of(d, i);
  }
  return total > 0.0 ? sum / total : undefined;
}

template <class F>
std::vector<double> one_vs_rest(const MulticlassData& d, F metric) {
  check(d);
  std::vector<double> values, score(d.size());
  std::vector<int> label(d.size());
  for (std::size_t c = 0; c < static_cast<std::size_t>(d.classes); ++c) {
    bool rest = false;
    for (std::size_t i = 0; i < d.size(); ++i) {
      score[i] = row_of(d, i)[c];
      label[i] = truth_of(d, i) == c;
      rest = rest || !label[i];
    }
    values.push_back(rest ? metric(BinaryData{score, label, d.weight}) : undefined);
  }
  return values;
}

struct Margins {
  std::vector<double> row, column;
  double total = 0.0;
};

Margins margins_of(std::span<const double> m, int classes) {
  const auto n = static_cast<std::size_t>(classes);
  if (m.size() != n * n)
    throw UsageError("metrics: a confusion matrix of {} entries for {} classes", m.size(), classes);
  Margins s{std::vector<double>(n, 0.0), std::vector<double>(n, 0.0), 0.0};
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      s.row[i] += m[i * n + j];
      s.column[j] += m[i * n + j];
      s.total += m[i * n + j];
    }
  return s;
}

}  // namespace

std::vector<std::int64_t> top_class(const MulticlassData& d) {
  check(d);
  std::vector<std::int64_t> top;
  for (std::size_t i = 0; i < d.size(); ++i) top.push_back(static_cast<std::int64_t>(top_of(d, i)));
  return top;
}

std::vector<double> confusion_matrix(const MulticlassData& d) {
  check(d);
  const auto n = static_cast<std::size_t>(d.classes);
  std::vector<double> m(n * n, 0.0);
  for (std::size_t i = 0; i < d.size(); ++i) m[truth_of(d, i) * n + top_of(d, i)] += weight_of(d, i);
  return m;
}

double top_k_accuracy(const MulticlassData& d, int k) {
  check(d);
  return mean(d, [&](std::size_t i) {
    const double* row = row_of(d, i);
    const std::size_t truth = truth_of(d, i);
    int before = 0;
    for (std::size_t c = 0; c < static_cast<std::size_t>(d.classes); ++c)
      before += row[c] > row[truth] || (row[c] == row[truth] && c < truth);
    return before < k ? 1.0 : 0.0;
  });
}

double accuracy(std::span<const double> m, int classes) {
  const Margins s = margins_of(m, classes);
  double hits = 0.0;
  for (std::size_t i = 0; i < s.row.size(); ++i) hits += m[i * s.row.size() + i];
  return s.total > 0.0 ? hits / s.total : undefined;
}

double balanced_accuracy(std::span<const double> m, int classes) {
  const Margins s = margins_of(m, classes);
  std::vector<double> recalls;
  for (std::size_t i = 0; i < s.row.size(); ++i)
    recalls.push_back(s.row[i] > 0.0 ? m[i * s.row.size() + i] / s.row[i] : undefined);
  return mean_of_defined(recalls).value;
}

double macro_f1(std::span<const double> m, int classes) {
  const Margins s = margins_of(m, classes);
  std::vector<double> f1;
  for (std::size_t i = 0; i < s.row.size(); ++i) {
    const double denominator = s.row[i] + s.column[i];
    f1.push_back(denominator > 0.0 ? 2.0 * m[i * s.row.size() + i] / denominator : undefined);
  }
  return mean_of_defined(f1).value;
}

double kappa(std::span<const double> m, int classes, int power) {
  const Margins s = margins_of(m, classes);
  const std::size_t n = s.row.size();
  double observed = 0.0, expected = 0.0;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const double distance = std::abs(static_cast<double>(i) - static_cast<double>(j));
      const double disagreement = i == j ? 0.0 : std::pow(distance, power);
      observed += disagreement * m[i * n + j];
      expected += disagreement * s.row[i] * s.column[j] / s.total;
    }
  return expected > 0.0 ? 1.0 - observed / expected : undefined;
}

double log_loss(const MulticlassData& d) {
  check(d);
  return mean(d, [&](std::size_t i) { return -std::log(std::clamp(row_of(d, i)[truth_of(d, i)], 1e-7, 1.0 - 1e-7)); });
}

double brier(const MulticlassData& d) {
  check(d);
  return mean(d, [&](std::size_t i) {
    double sum = 0.0;
    for (std::size_t c = 0; c < static_cast<std::size_t>(d.classes); ++c) {
      const double gap = row_of(d, i)[c] - (c == truth_of(d, i) ? 1.0 : 0.0);
      sum += gap * gap;
    }
    return sum;
  });
}

double calibration_error(const MulticlassData& d, int bins) {
  check(d);
  std::vector<double> confidence(d.size());
  std::vector<int> right(d.size());
  for (std::size_t i = 0; i < d.size(); ++i) {
    const std::size_t top = top_of(d, i);
    confidence[i] = row_of(d, i)[top];
    right[i] = top == truth_of(d, i);
  }
  return calibration_error(BinaryData{confidence, right, d.weight}, bins);
}

std::vector<double> one_vs_rest_auc(const MulticlassData& d) { return one_vs_rest(d, roc_auc); }
std::vector<double> one_vs_rest_average_precision(const MulticlassData& d) { return one_vs_rest(d, average_precision); }

MacroMean mean_of_defined(std::span<const double> values) {
  double sum = 0.0;
  int defined = 0;
  for (double v : values)
    if (!std::isnan(v)) sum += v, ++defined;
  return {defined ? sum / defined : undefined, static_cast<int>(values.size()) - defined};
}

}  // namespace engine

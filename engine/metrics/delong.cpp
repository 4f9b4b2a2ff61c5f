#include "engine/metrics/delong.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "engine/metrics/binary.h"
#include "engine/tensor/error.h"

namespace engine {
namespace {

constexpr double z95 = 1.959963984540054;

// Rank of each value from 1; equal values share the mean of their ranks.
std::vector<double> mid_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> rank(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j < order.size() && values[order[j]] == values[order[i]]) ++j;
    for (std::size_t k = i; k < j; ++k) rank[order[k]] = 0.5 * static_cast<double>(i + j + 1);
    i = j;
  }
  return rank;
}

// What each positive and each negative contributes to the AUC.
struct Components {
  double auc = undefined;
  std::vector<double> of_positive, of_negative;
};

Components components(std::span<const double> score, std::span<const int> label) {
  roc_auc({score, label});  // checks scores and labels
  std::vector<double> positive, negative;
  for (std::size_t i = 0; i < score.size(); ++i) (label[i] ? positive : negative).push_back(score[i]);
  Components c;
  if (positive.empty() || negative.empty()) return c;
  std::vector<double> all = positive;
  all.insert(all.end(), negative.begin(), negative.end());
  const auto rank = mid_ranks(all), rank_positive = mid_ranks(positive), rank_negative = mid_ranks(negative);
  const auto m = static_cast<double>(positive.size()), n = static_cast<double>(negative.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < positive.size(); ++i) {
    sum += rank[i];
    c.of_positive.push_back((rank[i] - rank_positive[i]) / n);
  }
  for (std::size_t i = 0; i < negative.size(); ++i)
    c.of_negative.push_back(1.0 - (rank[positive.size() + i] - rank_negative[i]) / m);
  c.auc = (sum - m * (m + 1.0) / 2.0) / (m * n);
  return c;
}

// Unbiased covariance divided by the number of values.
double covariance_of_mean(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  if (a.size() < 2) return undefined;
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n,
               mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum / (n - 1.0) / n;
}

Components difference(Components a, const Components& b) {
  std::transform(a.of_positive.begin(), a.of_positive.end(), b.of_positive.begin(), a.of_positive.begin(),
                 std::minus());
  std::transform(a.of_negative.begin(), a.of_negative.end(), b.of_negative.begin(), a.of_negative.begin(),
                 std::minus());
  return a;
}

double covariance(const Components& a, const Components& b) {
  return covariance_of_mean(a.of_positive, b.of_positive) + covariance_of_mean(a.of_negative, b.of_negative);
}

}  // namespace

DelongResult delong(std::span<const double> score, std::span<const int> label) {
  const Components c = components(score, label);
  DelongResult r{c.auc, covariance(c, c), {undefined, undefined}};
  if (std::isnan(r.variance)) return r;
  const double reach = z95 * std::sqrt(r.variance);
  r.ci95 = {std::max(0.0, r.auc - reach), std::min(1.0, r.auc + reach)};
  return r;
}

DelongPair delong_paired(std::span<const double> score_a, std::span<const double> score_b, std::span<const int> label) {
  const Components a = components(score_a, label), b = components(score_b, label);
  DelongPair r{
      {a.auc, b.auc}, {{{covariance(a, a), covariance(a, b)}, {covariance(a, b), covariance(b, b)}}}, 0.0, 1.0};
  // Of the differences themselves: adding up the covariances instead leaves rounding errors of 1e-17 where the variance
  // is 0, and a z of ten millions.
  const Components d = difference(a, b);
  const double variance = covariance(d, d);
  constexpr double rounding = 1e-28;  // square of a few units in the last place of a contribution
  if (std::isnan(variance)) {
    r.z = r.p = undefined;
  } else if (variance > rounding) {
    r.z = (a.auc - b.auc) / std::sqrt(variance);
    r.p = std::erfc(std::abs(r.z) / std::sqrt(2.0));
  }
  return r;
}

McNemarResult mcnemar(std::span<const int> right_a, std::span<const int> right_b) {
  if (right_a.size() != right_b.size())
    throw UsageError("mcnemar: {} and {} decisions", right_a.size(), right_b.size());
  McNemarResult r{0, 0, 1.0};
  for (std::size_t i = 0; i < right_a.size(); ++i) {
    r.only_a_right += right_a[i] && !right_b[i];
    r.only_b_right += !right_a[i] && right_b[i];
  }
  const long n = r.only_a_right + r.only_b_right, k = std::min(r.only_a_right, r.only_b_right);
  // Binomial(n, 1/2) up to k, in logarithms so that n may be large.
  double tail = 0.0;
  for (long i = 0; i <= k; ++i)
    tail += std::exp(std::lgamma(static_cast<double>(n) + 1.0) - std::lgamma(static_cast<double>(i) + 1.0) -
                     std::lgamma(static_cast<double>(n - i) + 1.0) - static_cast<double>(n) * std::log(2.0));
  r.p = std::min(1.0, 2.0 * tail);
  return r;
}

}  // namespace engine

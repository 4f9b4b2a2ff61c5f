// The variance of an AUC in closed form: DeLong et al. 1988 by the mid-rank algorithm of Sun and Xu 2014, O(n log n).
#pragma once

#include <array>
#include <span>

namespace engine {

struct Interval {
  double low, high;
};

struct DelongResult {
  double auc, variance;
  Interval ci95;  ///< auc +- 1.96 standard deviations, cut to [0, 1]
};
/// NaN variance and interval unless there are two of each label; labels are 0 or 1. Throws DataError as binary.h says.
DelongResult delong(std::span<const double> score, std::span<const int> label);

/// Two scores for the same pictures.
struct DelongPair {
  std::array<double, 2> auc;
  std::array<std::array<double, 2>, 2> covariance;
  double z, p;  ///< two-sided test of equal AUCs; a variance of 0 gives p = 1
};
DelongPair delong_paired(std::span<const double> score_a, std::span<const double> score_b, std::span<const int> label);

/// McNemar's exact test on decisions that are right in one model and wrong in the other.
struct McNemarResult {
  long only_a_right, only_b_right;
  double p;
};
McNemarResult mcnemar(std::span<const int> right_a, std::span<const int> right_b);

}  // namespace engine

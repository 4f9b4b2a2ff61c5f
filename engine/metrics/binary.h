// Metrics of a score against a yes/no label. Undefined values are NaN, never a guess: an AUC needs both labels.
#pragma once

#include <limits>
#include <span>
#include <vector>

namespace engine {

/// What has no value.
inline constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

/// Scores, labels (0 or 1) and optionally weights (at least 0) of equal length. Every function throws DataError naming
/// the position of a score that is not finite, a label that is neither or a weight below 0, and UsageError for lengths
/// that differ.
struct BinaryData {
  std::span<const double> score;
  std::span<const int> label;
  std::span<const double> weight = {};
};

/// Area under the ROC curve; ties count half. NaN unless both labels occur with positive weight.
double roc_auc(const BinaryData& d);
/// Sum over distinct thresholds of (recall - former recall) * precision. NaN without positives.
double average_precision(const BinaryData& d);

/// Decisions "yes where score >= threshold".
struct BinaryDecisions {
  double accuracy, balanced_accuracy, f1, sensitivity, specificity, precision;
};
BinaryDecisions decide(const BinaryData& d, double threshold = 0.5);

/// Scores are probabilities from here on. Log loss clips them to [1e-7, 1 - 1e-7].
double log_loss(const BinaryData& d);
double brier(const BinaryData& d);
/// Expected calibration error over equal-width bins (k/n, (k+1)/n], 0 in the first.
double calibration_error(const BinaryData& d, int bins = 15);

/// Largest sensitivity over thresholds among the scores with specificity of at least `specificity`; 0 at an infinite
/// threshold where none reaches it. NaN unless both labels occur.
struct SensitivityAt {
  double sensitivity, threshold;
};
SensitivityAt sensitivity_at_specificity(const BinaryData& d, double specificity = 0.9);

/// One point per distinct score, from the strictest threshold to the laxest.
struct CurvePoint {
  double threshold, true_positive_rate, false_positive_rate, precision;
};
std::vector<CurvePoint> roc_curve(const BinaryData& d);

}  // namespace engine

// Metrics of class probabilities against one true class.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace engine {

/// probability [n, classes], row-major; label [n] in [0, classes); optional weights [n]. Functions throw DataError for
/// probabilities that are not finite, labels outside the classes or weights below 0, UsageError for sizes that do not
/// fit.
struct MulticlassData {
  std::span<const double> probability;
  std::span<const std::int64_t> label;
  int classes;
  std::span<const double> weight = {};

  std::size_t size() const { return label.size(); }
};

/// Index of the largest probability of each row, the first of equals.
std::vector<std::int64_t> top_class(const MulticlassData& d);
/// Weights by true class (rows) and decided class (columns), [classes * classes].
std::vector<double> confusion_matrix(const MulticlassData& d);
/// Share of rows whose true class is among the k most probable.
double top_k_accuracy(const MulticlassData& d, int k);

// Of a confusion matrix:
double accuracy(std::span<const double> confusion, int classes);
/// Mean recall of the classes that occur.
double balanced_accuracy(std::span<const double> confusion, int classes);
/// Mean F1 of the classes that occur or are decided.
double macro_f1(std::span<const double> confusion, int classes);
/// Cohen's kappa with disagreement |i - j|^power: 0 = plain, 1 = linear, 2 = quadratic. NaN where all disagreement is 0
/// by construction.
double kappa(std::span<const double> confusion, int classes, int power);

/// Probabilities clipped to [1e-7, 1 - 1e-7].
double log_loss(const MulticlassData& d);
/// Mean over rows of the squared distance to the true class's unit vector.
double brier(const MulticlassData& d);
/// Of the largest probability against whether it was right.
double calibration_error(const MulticlassData& d, int bins = 15);

/// One class against the rest; NaN where the class or the rest does not occur.
std::vector<double> one_vs_rest_auc(const MulticlassData& d);
std::vector<double> one_vs_rest_average_precision(const MulticlassData& d);
struct MacroMean {
  double value;   ///< over the defined ones; NaN if there are none
  int undefined;  ///< how many were left out
};
MacroMean mean_of_defined(std::span<const double> values);

}  // namespace engine

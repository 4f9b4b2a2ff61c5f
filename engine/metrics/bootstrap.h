// Confidence intervals by resampling whole groups (patients): rows of one patient are not independent, and resampling
// rows would give intervals that are too narrow.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/metrics/delong.h"

namespace engine {

/// Which group each row belongs to, as numbers from 0 without gaps.
struct Clusters {
  std::vector<std::uint32_t> of_row;
  std::uint32_t count = 0;
};
/// Groups by name, numbered in the order of their first row.
Clusters clusters_of(const std::vector<std::string>& groups);

struct BootstrapOptions {
  int resamples = 1000;
  std::uint64_t seed = 42;
};
struct BootstrapResult {
  Interval ci95;               ///< percentile interval; NaN when no resample was defined
  int undefined = 0;           ///< resamples in which the metric was NaN (one label only): left out of the interval
  std::vector<double> values;  ///< of each resample
};

/// AUC of one score. Sorts once; a sweep over the sorted rows with whole-number weights serves 32 resamples.
/// Resample i has a Philox sequence of its own: the number of threads does not matter. Throws as binary.h says.
BootstrapResult bootstrap_auc(std::span<const double> score, std::span<const int> label, const Clusters& clusters,
                              const BootstrapOptions& options);
/// Any metric, given how often each row was drawn. `metric` is called from several threads at once; what it throws
/// comes out of here.
BootstrapResult bootstrap(const Clusters& clusters, const std::function<double(std::span<const double> weight)>& metric,
                          const BootstrapOptions& options);

}  // namespace engine

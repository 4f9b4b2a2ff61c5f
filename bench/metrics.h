// Resampled confidence intervals, timed: an AUC of rows in groups, on data that any language can make again.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/metrics/bootstrap.h"

namespace engine::bench {

struct MetricsOptions {
  std::uint32_t scores = 200000;
  std::uint32_t groups = 20000;
  int resamples = 1000;
  int repeats = 5;
  std::uint64_t seed = 42;
};

struct MetricsResult {
  std::vector<double> seconds;  ///< of each whole bootstrap, sorting included
  double median_seconds = 0;
  double auc = 0;
  Interval ci95{};
};

/// Row i belongs to group i mod groups. With u(k) = splitmix64(seed + 4 i + k) / 2^64: the label is u(0) < 0.2, the
/// score u(1) + u(2) + 0.4 label + u'(3), where u' is the group's u (i mod groups in the place of i).
MetricsResult bench_metrics(const MetricsOptions& options);

}  // namespace engine::bench

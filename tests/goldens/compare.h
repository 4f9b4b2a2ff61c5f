// The tolerance rule of the fixtures' README.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace engine::goldens {

/// ||run - truth|| / ||truth||, absolute where the truth is (almost) zero. Infinity where sizes differ, NaNs sit in other
/// places, or infinities disagree in sign.
inline double relative_l2(const std::vector<double>& run, const std::vector<double>& truth) {
  if (run.size() != truth.size()) return INFINITY;
  double error = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < run.size(); ++i) {
    if (std::isnan(run[i]) != std::isnan(truth[i])) return INFINITY;
    if (std::isnan(truth[i])) continue;
    if (std::isinf(run[i]) || std::isinf(truth[i])) {
      if (run[i] != truth[i]) return INFINITY;
      continue;
    }
    error += (run[i] - truth[i]) * (run[i] - truth[i]);
    norm += truth[i] * truth[i];
  }
  return std::sqrt(norm) < 1e-9 ? std::sqrt(error) : std::sqrt(error / norm);
}

/// Four times PyTorch's own deviation, or 1e-6.
inline double allowed(double pytorch_deviation) { return std::max(4.0 * pytorch_deviation, 1e-6); }

}  // namespace engine::goldens

#include "bench/conformance/compare.h"

#include <algorithm>
#include <limits>

namespace engine::conformance {
namespace {

double share(double error, double scale) {
  if (error == 0.0) return 0.0;
  return scale > 0.0 ? error / scale : infinity;
}

}  // namespace

Deviation deviation(const std::vector<double>& found, const std::vector<double>& truth, double terms,
                    const Tolerance& allowed) {
  double error = 0, norm = 0, largest_error = 0, largest = terms;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double f = found[i], t = truth[i];
    if (std::isnan(f) && std::isnan(t)) continue;
    if (!std::isfinite(f) || !std::isfinite(t)) {
      if (f == t) continue;
      return {infinity, infinity, infinity};
    }
    error += (f - t) * (f - t);
    norm += t * t;
    largest_error = std::max(largest_error, std::abs(f - t));
    largest = std::max(largest, std::abs(t));
  }
  norm = std::max(norm, terms * terms * static_cast<double>(truth.size()));
  Deviation d{share(std::sqrt(error), std::sqrt(norm)), share(largest_error, largest), 0};
  d.ratio = std::max(d.rel_l2 / allowed.rel_l2, d.element / allowed.element);
  return d;
}

}  // namespace engine::conformance

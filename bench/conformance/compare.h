// How far an outcome is from the truth.
#pragma once

#include <limits>
#include <vector>

#include "bench/conformance/tolerance.h"

namespace engine::conformance {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

struct Deviation {
  double rel_l2 = 0;   ///< root mean square of found - truth, on the scale of that of the truth or of `terms`
  double element = 0;  ///< max |found - truth| on the scale of max |truth| or of `terms`
  double ratio = 0;    ///< the larger of both as a share of what the tolerance allows: up to 1 passes
};

/// All three are infinite where NaN or infinities sit in other places, and where the truth and `terms` are zero and the
/// result is not. Vectors of one length.
Deviation deviation(const std::vector<double>& found, const std::vector<double>& truth, double terms,
                    const Tolerance& allowed);

}  // namespace engine::conformance

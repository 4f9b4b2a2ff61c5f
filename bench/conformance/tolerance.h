// How far a result may be from the truth: a function of the element type and of the length of the sums behind it.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/tensor/dtype.h"

namespace engine::conformance {

/// Half a unit in the last place of 1: the relative error of one rounding.
constexpr double unit_roundoff(DType t) {
  switch (t) {
    case DType::f64:
      return 0x1p-53;
    case DType::f32:
      return 0x1p-24;
    case DType::f16:
      return 0x1p-11;
    case DType::bf16:
      return 0x1p-8;
    default:
      return 0.0;
  }
}

/// Results below it are rounded to multiples of a fixed number, so no relative error can be asked of them.
constexpr double smallest_normal(DType t) {
  switch (t) {
    case DType::f64:
      return 0x1p-1022;
    case DType::f32:
    case DType::bf16:
      return 0x1p-126;
    case DType::f16:
      return 0x1p-14;
    default:
      return 0.0;
  }
}

struct Tolerance {
  double rel_l2;   ///< bound of ||found - truth|| / ||truth||
  double element;  ///< bound of max |found - truth| / max |truth|
};

/// Rounding errors of a sum of n terms grow like sqrt(n) if they are independent (Higham, "Accuracy and Stability of
/// Numerical Algorithms", 2.6). Sums accumulate in f32 or better, so 16-bit types pay for the roundings of their
/// inputs and results only. The constants leave room for the few operations around the sum and for Winograd's
/// transforms.
inline Tolerance tolerance(DType dtype, std::int64_t reduction) {
  const double u = unit_roundoff(dtype);
  const bool half = dtype == DType::f16 || dtype == DType::bf16;
  const double n = half ? 1.0 : std::sqrt(static_cast<double>(reduction));
  return {u * (8.0 + 2.0 * n), u * (16.0 + 8.0 * n)};
}

/// Central differences in double, relative to the largest partial derivative: the truncation error h^2 f'''/6 with
/// h = 1e-5 is near 1e-10 for functions of order one (rounding, eps |f| / h, is allowed for where it is known); a wrong
/// gradient is off by much more than this.
inline constexpr double gradient_check = 2e-6;

}  // namespace engine::conformance

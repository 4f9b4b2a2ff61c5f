// Conversions and scans of contiguous memory for every element type.
#pragma once

#include <cstdint>

#include "engine/tensor/dtype.h"

namespace engine::cpu {

/// to[i] = from[i] in another type: to 16-bit floats rounding to nearest even, float -> integer truncating towards 0
/// (NaN becomes 0 and what does not fit the nearest integer that does).
void convert(DType from_type, const void* from, DType to_type, void* to, std::int64_t n);
/// Every element becomes `value`, converted as convert() does.
void fill(DType dtype, void* to, double value, std::int64_t n);
/// Whether any element is NaN or infinite.
bool any_nonfinite(DType dtype, const void* from, std::int64_t n);

}  // namespace engine::cpu

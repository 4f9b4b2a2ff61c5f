// Sums of f32 in double, over contiguous memory.
#pragma once

#include <cstdint>

namespace engine::cpu {

/// Sum of n values, in 32 interleaved double accumulators that are combined in order.
double sum_row(const float* x, std::int64_t n);
/// sums[c] += x[row * stride + c] over all rows, for `columns` columns.
void sum_columns(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t columns, double* sums);
/// Sum of squares of n values, accumulated as in sum_row.
double sum_squares(const float* x, std::int64_t n);

}  // namespace engine::cpu

// Sums down the columns of a matrix [rows, columns]: per channel, in channels-last layout.
#pragma once

#include "kernels/cuda/splits.cuh"

namespace engine::ENGINE_CUDA_NS {

constexpr int sum_columns = 32, sum_rows = 8;

/// Adds up what the block's 8 rows of threads found for each of its 32 columns; the first row of threads gets it.
__device__ __forceinline__ float sum_over_rows(float (&s)[sum_rows][sum_columns], float value) {
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  s[y][x] = value;
  __syncthreads();
  float sum = 0;
  if (y == 0) {
#pragma unroll
    for (int i = 0; i < sum_rows; ++i) sum += s[i][x];
  }
  return sum;
}

/// partial[split][column]: a warp reads 32 neighbours of a row, eight rows a block in flight.
template <class T>
__global__ void __launch_bounds__(sum_columns* sum_rows)
    column_sums_kernel(const T* __restrict__ x, float* __restrict__ partial, std::int64_t rows, std::int64_t columns,
                       std::int64_t rows_per_split) {
  SHARED(float, s, [sum_rows][sum_columns]);
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * sum_columns + threadIdx.x;
  const std::int64_t begin = blockIdx.y * rows_per_split;
  const std::int64_t end = begin + rows_per_split < rows ? begin + rows_per_split : rows;
  float sum = 0;
  if (column < columns)
    for (std::int64_t row = begin + threadIdx.y; row < end; row += sum_rows) sum += number(x[row * columns + column]);
  sum = sum_over_rows(s, sum);
  if (threadIdx.y == 0 && column < columns) partial[blockIdx.y * columns + column] = sum;
}

template <class T>
void column_sums(Context& c, const T* x, float* y, std::int64_t rows, std::int64_t columns) {
  if (columns == 0) return;
  const std::int64_t tiles = (columns + sum_columns - 1) / sum_columns;
  const int splits = splits_for(c, tiles, rows, 8 * sum_rows);
  const Tensor partial = empty(c, {splits, columns}, DType::f32);
  const double items = static_cast<double>(rows) * static_cast<double>(columns);
  launch<column_sums_kernel<T>>(
      c, {{static_cast<unsigned>(tiles), static_cast<unsigned>(splits)}, {sum_columns, sum_rows}},
      {items * sizeof(T), items}, x, pointer<float>(partial), rows, columns, (rows + splits - 1) / splits);
  sum_splits<float>(c, partial, y, columns, splits);
}

}  // namespace engine::ENGINE_CUDA_NS

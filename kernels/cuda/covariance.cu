// Covariances in double: a block makes a tile of the products on or below the diagonal and writes it on both sides of it.
// Double precision is what float32 sums of many rows need (means of long columns alone lose four digits), and it is the
// limit: 64 multiply-adds a clock and multiprocessor on data centres' GPUs, 2 on consumers'.
#include "kernels/cuda/covariance.h"

#include <algorithm>

#include "kernels/checks.h"
#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/last_block.cuh"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/splits.cuh"

namespace engine::ENGINE_CUDA_NS {

constexpr int covariance_tile = 64, covariance_depth = 16, covariance_threads = 256;
constexpr int covariance_side = 16;                                // threads across a tile
constexpr int covariance_each = covariance_tile / covariance_side;  // a thread's rows and columns, `side` apart

struct CovarianceSplits {
  double* partial;  // [split][tile of the square][tile + 1][tile]: products, then sums in the last row
  unsigned* counters;
  int count;
  std::int64_t rows;  // of one
};

/// blockIdx: column tile, row tile, split of the rows of x.
template <class T>
__global__ void __launch_bounds__(covariance_threads)
    covariance_kernel(const T* __restrict__ x, const double* __restrict__ pivot, double* __restrict__ products,
                      double* __restrict__ sums, CovarianceSplits splits, std::int64_t rows, int columns) {
  if (blockIdx.x > blockIdx.y) return;  // the block across the diagonal writes this tile
  SHARED(double, left, [covariance_depth][covariance_tile]);
  SHARED(double, right, [covariance_depth][covariance_tile]);
  const int thread = static_cast<int>(threadIdx.x);
  const int tx = thread % covariance_side, ty = thread / covariance_side;
  const bool diagonal = blockIdx.x == blockIdx.y;
  const int first_i = static_cast<int>(blockIdx.y) * covariance_tile,
            first_j = static_cast<int>(blockIdx.x) * covariance_tile;
  // A thread reads one column of either tile, every fourth row.
  const int own = thread % covariance_tile, i = first_i + own, j = first_j + own;
  const double pivot_i = i < columns ? pivot[i] : 0.0, pivot_j = j < columns ? pivot[j] : 0.0;
  const std::int64_t begin = blockIdx.z * splits.rows;
  const std::int64_t end = rows - begin < splits.rows ? rows : begin + splits.rows;

  double product[covariance_each][covariance_each] = {}, sum = 0;
  for (std::int64_t at = begin; at < end; at += covariance_depth) {
#pragma unroll
    for (int d = thread / covariance_tile; d < covariance_depth; d += covariance_threads / covariance_tile) {
      const T* const row = x + (at + d) * columns;
      const bool inside = at + d < end;
      left[d][own] = inside && i < columns ? static_cast<double>(number(row[i])) - pivot_i : 0.0;
      right[d][own] = inside && j < columns ? static_cast<double>(number(row[j])) - pivot_j : 0.0;
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < covariance_depth; ++d) {
      double a[covariance_each], b[covariance_each];
#pragma unroll
      for (int k = 0; k < covariance_each; ++k) {
        a[k] = left[d][ty + k * covariance_side];
        b[k] = right[d][tx + k * covariance_side];
      }
#pragma unroll
      for (int k = 0; k < covariance_each; ++k)
#pragma unroll
        for (int l = 0; l < covariance_each; ++l) product[k][l] += a[k] * b[l];
    }
    if (diagonal && thread < covariance_tile)
      for (int d = 0; d < covariance_depth; ++d) sum += left[d][thread];
    __syncthreads();
  }

  // f(its product, row and column in the tile)
  const auto each = [&](auto&& f) {
#pragma unroll
    for (int k = 0; k < covariance_each; ++k)
#pragma unroll
      for (int l = 0; l < covariance_each; ++l)
        f(product[k][l], ty + k * covariance_side, tx + l * covariance_side);
  };
  if (splits.count > 1) {
    constexpr int part_size = (covariance_tile + 1) * covariance_tile;
    const int tiles = static_cast<int>(gridDim.x * gridDim.y);
    const int tile = static_cast<int>(blockIdx.y * gridDim.x + blockIdx.x);
    const auto part_of = [&](std::int64_t split) { return splits.partial + (split * tiles + tile) * part_size; };
    double* const mine = part_of(blockIdx.z);
    each([&](double& p, int row, int column) { mine[row * covariance_tile + column] = p; });
    if (diagonal && thread < covariance_tile) mine[covariance_tile * covariance_tile + thread] = sum;
    if (!last_of_blocks(splits.counters + tile, splits.count)) return;
    each([&](double& p, int, int) { p = 0; });
    sum = 0;
    for (int split = 0; split < splits.count; ++split) {
      const double* const part = part_of(split);
      each([&](double& p, int row, int column) { p += part[row * covariance_tile + column]; });
      if (diagonal && thread < covariance_tile) sum += part[covariance_tile * covariance_tile + thread];
    }
  }
  each([&](double p, int row, int column) {
    const std::int64_t to_i = first_i + row, to_j = first_j + column;
    if (to_i >= columns || to_j >= columns) return;
    const double total = products[to_i * columns + to_j] + p;
    products[to_i * columns + to_j] = total;
    if (!diagonal) products[to_j * columns + to_i] = total;
  });
  if (diagonal && thread < covariance_tile && i < columns) sums[i] += sum;
}

void accumulate_covariance_(Context& c, const Tensor& products, const Tensor& sums, const Tensor& x,
                            const Tensor& pivot) {
  check_covariance(products, sums, x, pivot);
  const std::int64_t n = x.dim(0), p = x.dim(1);
  if (n > 0 && p > 0)
    with_floating("accumulate_covariance_", x, [&](auto sample) {
      using T = decltype(sample);
      const std::int64_t side = (p + covariance_tile - 1) / covariance_tile, tiles = side * (side + 1) / 2;
      if (side > 65535) throw UsageError("accumulate_covariance_: {} has more than 65535 x 64 columns", x.str());
      // One block adds the parts of a tile up: few of them, of eight stages or more.
      const int wanted = std::min(splits_for(c, tiles, n, 8 * covariance_depth), 64);
      const std::int64_t per_split = (n + wanted - 1) / wanted;
      CovarianceSplits splits{nullptr, nullptr, static_cast<int>((n + per_split - 1) / per_split), per_split};
      double moved = static_cast<double>(x.bytes()) + 1.5 * static_cast<double>(products.bytes());  // half is read
      Tensor partial;
      if (splits.count > 1) {
        partial = empty(c, {splits.count, side * side, covariance_tile + 1, covariance_tile}, DType::f64);
        splits.partial = pointer<double>(partial);
        splits.counters = c.counters(side * side);
        moved += 2.0 * static_cast<double>(splits.count * tiles * covariance_tile * covariance_tile * 8);
      }
      const auto extent = static_cast<unsigned>(side);
      launch<covariance_kernel<T>>(c, {{extent, extent, static_cast<unsigned>(splits.count)}, covariance_threads},
                                   {moved, static_cast<double>(n) * static_cast<double>(p) * static_cast<double>(p + 1)},
                                   pointer<const T>(x), pointer<const double>(pivot), pointer<double>(products),
                                   pointer<double>(sums), splits, n, static_cast<int>(p));
    });
  ++products.storage()->version;
  ++sums.storage()->version;
}

}  // namespace engine::ENGINE_CUDA_NS

// A product in tiles of shared memory, for matrices and for what is found while it is read: one kernel is a step of two
// ladders.
//
// An operand is a struct with
//   float at(int outer, int k, int group)   zero outside
//   bool along_k()                          whether neighbours in k, not in the outer index, are neighbours in memory
#pragma once

#include <string_view>

#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// A matrix in memory; groups follow at group_stride.
template <class T>
struct Strided {
  const T* p;
  std::int64_t outer_stride, k_stride, group_stride;
  int outer_extent, k_extent;

  __device__ __forceinline__ bool along_k() const { return k_stride == 1; }
  __device__ __forceinline__ float at(int outer, int k, int group) const {
    if (outer >= outer_extent || k >= k_extent) return 0.0f;
    return number(p[outer * outer_stride + k * k_stride + group * group_stride]);
  }
};

/// y[group][row * stride + column], + bias[group * columns + column] where there is one.
template <class T>
struct ProductResult {
  T* y;
  const T* bias;
  std::int64_t stride, group_stride;
};

constexpr int product_tile = 16;

template <class Operand>
__device__ __forceinline__ void read_tile(float (&tile)[product_tile][product_tile + 1], const Operand& operand,
                                          int outer, int k, int group) {
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int i = operand.along_k() ? y : x, j = operand.along_k() ? x : y;  // neighbours in x are neighbours in memory
  tile[i][j] = operand.at(outer + i, k + j, group);
}

/// blockIdx: tile (columns fastest, so that blocks that run together share rows), group.
template <class A, class B, class T>
__global__ void __launch_bounds__(product_tile* product_tile)
    tiled_product_kernel(A a, B b, ProductResult<T> y, int m, int n, int k, int column_tiles) {
  // A row of 17 puts the 16 numbers of a column into 16 banks.
  SHARED(float, tile_a, [product_tile][product_tile + 1]);
  SHARED(float, tile_b, [product_tile][product_tile + 1]);
  const int tile = static_cast<int>(blockIdx.x), group = static_cast<int>(blockIdx.y);
  const int first_row = tile / column_tiles * product_tile, first_column = tile % column_tiles * product_tile;
  const int tx = static_cast<int>(threadIdx.x), ty = static_cast<int>(threadIdx.y);
  float sum = 0;
  for (int at = 0; at < k; at += product_tile) {
    read_tile(tile_a, a, first_row, at, group);
    read_tile(tile_b, b, first_column, at, group);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < product_tile; ++i) sum = fmaf(tile_a[ty][i], tile_b[tx][i], sum);
    __syncthreads();
  }
  const int row = first_row + ty, column = first_column + tx;
  if (row >= m || column >= n) return;
  if (y.bias != nullptr) sum += number(y.bias[static_cast<std::int64_t>(group) * n + column]);
  y.y[group * y.group_stride + row * y.stride + column] = stored<T>(sum);
}

/// Throws UsageError for more groups than a grid can number.
template <class A, class B, class T>
void tiled_product(Context& c, std::string_view op, const A& a, const B& b, const ProductResult<T>& y, std::int64_t m,
                   std::int64_t n, std::int64_t k, std::int64_t groups, const Cost& cost) {
  if (m * n * groups == 0) return;
  if (groups > 65535) throw UsageError("{}: this kernel takes up to 65535 groups, found {}", op, groups);
  const std::int64_t row_tiles = (m + product_tile - 1) / product_tile,
                     column_tiles = (n + product_tile - 1) / product_tile;
  const LaunchShape shape{{static_cast<unsigned>(row_tiles * column_tiles), static_cast<unsigned>(groups)},
                          {product_tile, product_tile}};
  launch<tiled_product_kernel<A, B, T>>(c, shape, cost, a, b, y, static_cast<int>(m), static_cast<int>(n),
                                        static_cast<int>(k), static_cast<int>(column_tiles));
}

}  // namespace engine::ENGINE_CUDA_NS

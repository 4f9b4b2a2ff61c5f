// The matrix product, step by step (docs/ladder/gemm.md).
#include <algorithm>

#include "kernels/cuda/gemm_tile.cuh"
#include "kernels/cuda/ladder/steps.h"
#include "kernels/cuda/ladder/tiled_product.cuh"

namespace engine::ENGINE_CUDA_NS {

// ---- 1: naive -------------------------------------------------------------------------------------------------------

// Neighbouring threads make neighbours of a row of y: they read the same number of a, and neighbours of b.
template <class T>
__global__ void __launch_bounds__(256)
    naive_product_kernel(Strided<T> a, Strided<T> b, T* __restrict__ y, std::int64_t results, int n, int k) {
  const std::int64_t i = global_thread();
  if (i >= results) return;
  const int row = static_cast<int>(i / n), column = static_cast<int>(i % n);
  float sum = 0;
  for (int d = 0; d < k; ++d) sum = fmaf(a.at(row, d, 0), b.at(column, d, 0), sum);
  y[i] = stored<T>(sum);
}

// ---- 2: shared tiles, in tiled_product.cuh --------------------------------------------------------------------------

// ---- 3: register tiles, read 16 bytes at a time ---------------------------------------------------------------------

constexpr int patch_block = 64, patch_depth = 16, patch_threads = 256;  // 16 x 16 threads with 4 x 4 results each

// Brings what `operand` has of 64 outer indices and 16 k to shared memory, [k][outer].
template <class Operand>
__device__ __forceinline__ void read_block(Quad (&tile)[patch_depth][patch_block / 4 + 1], const Operand& operand,
                                           int outer, int k) {
  constexpr int V = Operand::vector, line = (Operand::along_k ? patch_depth : patch_block) / V;
  for (int i = static_cast<int>(threadIdx.x); i < patch_block * patch_depth / V; i += patch_threads) {
    const int along = i % line * V, across = i / line;  // first of V neighbours in memory
    const int first_o = Operand::along_k ? across : along, first_k = Operand::along_k ? along : across;
    const auto read = operand.fetch(operand.row(outer + first_o, 0), k + first_k);
#pragma unroll
    for (int j = 0; j < V; ++j) {
      const int o = first_o + (Operand::along_k ? 0 : j), d = first_k + (Operand::along_k ? j : 0);
      tile[d][o / 4].v[o % 4] = number(read.v[j]);
    }
  }
}

// Three blocks a multiprocessor: left to itself the compiler aims at more of them, and spills.
template <class A, class B, class T>
__global__ void __launch_bounds__(patch_threads, 3)
    register_product_kernel(A a, B b, T* __restrict__ y, int m, int n, int k, int column_tiles) {
  SHARED(Quad, tile_a, [patch_depth][patch_block / 4 + 1]);
  SHARED(Quad, tile_b, [patch_depth][patch_block / 4 + 1]);
  const int tile = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int first_row = tile / column_tiles * patch_block, first_column = tile % column_tiles * patch_block;
  const int tx = thread % 16, ty = thread / 16;
  float sum[4][4] = {};
  for (int at = 0; at < k; at += patch_depth) {
    read_block(tile_a, a, first_row, at);
    read_block(tile_b, b, first_column, at);
    __syncthreads();
#pragma unroll 4
    for (int d = 0; d < patch_depth; ++d) {
      const Quad left = tile_a[d][ty], right = tile_b[d][tx];
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] = fmaf(left.v[i], right.v[j], sum[i][j]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int row = first_row + ty * 4 + i, column = first_column + tx * 4 + j;
      if (row < m && column < n) y[static_cast<std::int64_t>(row) * n + column] = stored<T>(sum[i][j]);
    }
}

// ---- launches -------------------------------------------------------------------------------------------------------

struct ProductSize {
  std::int64_t m, n, k;
  bool transpose_a, transpose_b;
};

template <class T, int V>
static void register_product(Context& c, const Tensor& a, const Tensor& b, const Tensor& y, const ProductSize& s,
                             const Cost& cost) {
  const std::int64_t row_tiles = (s.m + patch_block - 1) / patch_block,
                     column_tiles = (s.n + patch_block - 1) / patch_block;
  const auto multiply = [&](const auto& left, const auto& right) {
    using A = std::remove_cvref_t<decltype(left)>;
    using B = std::remove_cvref_t<decltype(right)>;
    launch<register_product_kernel<A, B, T>>(c, {static_cast<unsigned>(row_tiles * column_tiles), patch_threads}, cost,
                                             left, right, pointer<T>(y), static_cast<int>(s.m), static_cast<int>(s.n),
                                             static_cast<int>(s.k), static_cast<int>(column_tiles));
  };
  const auto with_right = [&](const auto& left) {
    const int n = static_cast<int>(s.n), k = static_cast<int>(s.k);
    if (s.transpose_b)
      multiply(left, MatrixOperand<T, V, true>{pointer<const T>(b), b.dim(1), 0, n, k});
    else
      multiply(left, MatrixOperand<T, V, false>{pointer<const T>(b), b.dim(1), 0, n, k});
  };
  const int m = static_cast<int>(s.m), k = static_cast<int>(s.k);
  if (s.transpose_a)
    with_right(MatrixOperand<T, V, false>{pointer<const T>(a), a.dim(1), 0, m, k});
  else
    with_right(MatrixOperand<T, V, true>{pointer<const T>(a), a.dim(1), 0, m, k});
}

template <class T>
static Strided<T> strided(const Tensor& x, std::int64_t outer, std::int64_t k, bool along_k) {
  const std::int64_t row = x.dim(1);
  return {pointer<const T>(x), along_k ? row : 1, along_k ? 1 : row, 0, static_cast<int>(outer), static_cast<int>(k)};
}

bool matmul_step(Context& c, const Tensor& a, const Tensor& b, const Tensor& y, bool transpose_a, bool transpose_b) {
  const int step = c.kernels.matmul;
  if (step < 1 || step > 3) return false;
  const ProductSize s{y.dim(0), y.dim(1), a.dim(transpose_a ? 0 : 1), transpose_a, transpose_b};
  constexpr std::int64_t largest = (std::int64_t{1} << 31) - 256;  // indices are int, also of a last tile's end
  if (std::max({s.m, s.n, s.k}) > largest)
    throw UsageError("matmul: a product of {} x {} x {} has extents beyond 2^31", s.m, s.n, s.k);
  const Cost cost{static_cast<double>(a.bytes() + b.bytes() + y.bytes()),
                  2.0 * static_cast<double>(y.numel()) * static_cast<double>(s.k)};
  with_floating("matmul", a, [&](auto sample) {
    using T = decltype(sample);
    if (y.numel() == 0) return;
    const Strided<T> left = strided<T>(a, s.m, s.k, !transpose_a), right = strided<T>(b, s.n, s.k, transpose_b);
    constexpr int vector = static_cast<int>(16 / sizeof(T));
    if (step == 1)
      launch<naive_product_kernel<T>>(c, {static_cast<unsigned>((y.numel() + 255) / 256), 256}, cost, left, right,
                                      pointer<T>(y), y.numel(), static_cast<int>(s.n), static_cast<int>(s.k));
    else if (step == 2)
      tiled_product(c, "matmul", left, right, ProductResult<T>{pointer<T>(y), nullptr, s.n, 0}, s.m, s.n, s.k, 1, cost);
    else if (a.dim(1) % vector == 0 && b.dim(1) % vector == 0 && aligned(pointer<T>(a), pointer<T>(b)))
      register_product<T, vector>(c, a, b, y, s, cost);
    else
      register_product<T, 1>(c, a, b, y, s, cost);
  });
  return true;
}

}  // namespace engine::ENGINE_CUDA_NS

// Matrix product on CUDA cores, y[m, n] = sum over k of a(m, k) b(k, n), for operands that are matrices or that are
// made from images while they are read (implicit GEMM).
//
// An operand is a struct with an Element type, `vector` (elements of a 16-byte read, or 1), `along_k` (whether those
// are neighbours in k or in its outer index m or n), and
//   Row row(outer, group)      what is known of an outer index, worked out once
//   Vec fetch(row, k)          `vector` elements from k on; zeros outside
// Extents along a vector are multiples of it. The left operand also orders the rows of the product:
//   int place(outer)           where the row goes in y; negative: nowhere
//   int next(first, rows, k, end)   the next tile of k, from k on, where `rows` rows from `first` are not all zero
#pragma once

#include <algorithm>

#include "kernels/cuda/divisor.h"
#include "kernels/cuda/last_block.cuh"
#include "kernels/cuda/layout.h"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/splits.cuh"

namespace engine::ENGINE_CUDA_NS {

constexpr int gemm_depth = 16;                  // of a tile, in k
constexpr int gemm_rows = 8, gemm_columns = 4;  // a thread's part of a tile: 12 values read for 32 multiplications

using Quad = Vec<float, 4>;

/// Where a product goes: y[m * stride + n], group after group at group_stride.
template <class T>
struct GemmOutput {
  T* y;
  const T* bias;  ///< of each column, or null
  std::int64_t stride, group_stride, size;
};

/// Blocks that share a tile, each with a part of k, leave their sums in `partial`, [split] of what y holds. The last of
/// `at_once` neighbours adds theirs, the last of those that do adds what they found: always in the same order.
struct GemmSplits {
  float* partial;
  unsigned* counters;  ///< (count + at_once - 1) / at_once and one more for each tile of each group
  int count, at_once;
};

/// A thread's share of carrying tiles of `Extent` outer indices from global to shared memory. Numbers wait in registers
/// while the block computes with the tile before.
template <class Operand, int Extent, int Threads>
struct GemmStage {
  using T = typename Operand::Element;
  static constexpr int vector = Operand::vector;
  static constexpr int line = (Operand::along_k ? gemm_depth : Extent) / vector;  // vectors that are neighbours
  static constexpr int vectors = Extent * gemm_depth / vector, steps = (vectors + Threads - 1) / Threads;
  static constexpr int rows = Operand::along_k ? steps : 1;
  // Vectors along k are written across the rows of shared memory. Turning the second half of k by as many columns as a
  // warp's writes of one half cover puts all 32 of them into different banks.
  static constexpr int turn = Operand::along_k && vector > 1 ? 2 * vector / 4 : 0;  // in quads
  static_assert(Threads % line == 0);

  typename Operand::Row row[rows];
  Vec<T, vector> held[steps];

  static __device__ __forceinline__ int place() { return static_cast<int>(threadIdx.x) % line * vector; }
  static __device__ __forceinline__ int across(int step) {
    return (static_cast<int>(threadIdx.x) + step * Threads) / line;
  }
  static __device__ __forceinline__ bool mine(int step) {
    return vectors % Threads == 0 || static_cast<int>(threadIdx.x) + step * Threads < vectors;
  }

  __device__ __forceinline__ void begin(const Operand& operand, int outer, int group) {
#pragma unroll
    for (int i = 0; i < rows; ++i) row[i] = operand.row(outer + (Operand::along_k ? across(i) : place()), group);
  }
  __device__ __forceinline__ void fetch(const Operand& operand, int k) {
#pragma unroll
    for (int i = 0; i < steps; ++i)
      if (mine(i)) held[i] = operand.fetch(row[Operand::along_k ? i : 0], k + (Operand::along_k ? place() : across(i)));
  }
  __device__ __forceinline__ void put(Quad (&tile)[gemm_depth][Extent / 4 + 1]) const {
#pragma unroll
    for (int i = 0; i < steps; ++i) {
      if (!mine(i)) continue;
#pragma unroll
      for (int j = 0; j < vector; ++j) {
        const int k = Operand::along_k ? place() + j : across(i), outer = Operand::along_k ? across(i) : place() + j;
        tile[k][outer / 4 ^ (k >= gemm_depth / 2 ? turn : 0)].v[outer % 4] = number(held[i].v[j]);
      }
    }
  }
  /// Four outer indices from 4 * quad on, at depth k.
  static __device__ __forceinline__ Quad get(const Quad (&tile)[gemm_depth][Extent / 4 + 1], int k, int quad) {
    return tile[k][quad ^ (k >= gemm_depth / 2 ? turn : 0)];
  }
};

/// Threads of gemm_kernel that a multiprocessor shall hold at least; the compiler bounds its registers by them. With
/// 16-byte reads 512 have the 128 registers that they need; element by element, a thread holds more addresses than that,
/// and eight 16-bit numbers a read need some more on some architectures.
constexpr int gemm_resident_threads(int vector, int tile) {
  if (vector == 1) return 256;
  return vector == 8 && tile == 4096 ? 384 : 512;
}

/// A block makes a tile of M x N for the k of one split; blockIdx: tile (columns fastest, so that neighbours share the
/// rows they read), split, group.
template <int M, int N, class A, class B, class T>
__global__ void __launch_bounds__(M* N / 32, gemm_resident_threads(A::vector, M* N) / (M * N / 32))
    gemm_kernel(A a, B b, GemmOutput<T> y, GemmSplits splits, int m, int n, int k, int k_per_split,
                int column_tiles) {
  constexpr int threads = M * N / (gemm_rows * gemm_columns), across = N / gemm_columns;
  // One quad more than a row needs: vectors along k then reach other banks from row to row.
  SHARED(Quad, tile_a, [2][gemm_depth][M / 4 + 1]);
  SHARED(Quad, tile_b, [2][gemm_depth][N / 4 + 1]);
  using StageA = GemmStage<A, M, threads>;
  using StageB = GemmStage<B, N, threads>;
  const int tile = static_cast<int>(blockIdx.x), split = static_cast<int>(blockIdx.y),
            group = static_cast<int>(blockIdx.z);
  const int first_row = tile / column_tiles * M, first_column = tile % column_tiles * N;
  const int k_begin = split * k_per_split, k_end = k - k_begin < k_per_split ? k : k_begin + k_per_split;
  const int tx = static_cast<int>(threadIdx.x) % across, ty = static_cast<int>(threadIdx.x) / across;

  StageA stage_a;
  StageB stage_b;
  stage_a.begin(a, first_row, group);
  stage_b.begin(b, first_column, group);
  int at = a.next(first_row, M, k_begin, k_end);
  stage_a.fetch(a, at);
  stage_b.fetch(b, at);
  stage_a.put(tile_a[0]);
  stage_b.put(tile_b[0]);
  __syncthreads();

  float sum[gemm_rows][gemm_columns] = {};
  int now = 0;
  while (at < k_end) {
    at = a.next(first_row, M, at + gemm_depth, k_end);
    const bool more = at < k_end;
    if (more) {
      stage_a.fetch(a, at);
      stage_b.fetch(b, at);
    }
#pragma unroll
    for (int d = 0; d < gemm_depth; ++d) {
      const Quad left[2] = {StageA::get(tile_a[now], d, ty), StageA::get(tile_a[now], d, M / 8 + ty)};
      const Quad right = StageB::get(tile_b[now], d, tx);
#pragma unroll
      for (int i = 0; i < gemm_rows; ++i)
#pragma unroll
        for (int j = 0; j < gemm_columns; ++j) sum[i][j] = fmaf(left[i / 4].v[i % 4], right.v[j], sum[i][j]);
    }
    // The other buffer was last read before the last barrier.
    now ^= 1;
    if (more) {
      stage_a.put(tile_a[now]);
      stage_b.put(tile_b[now]);
    }
    __syncthreads();
  }

  const int column = first_column + tx * gemm_columns;
  const bool whole = column + gemm_columns <= n && y.stride % 4 == 0 && y.group_stride % 4 == 0 && y.size % 4 == 0;
  // f(row of `sum`, where it goes)
  const auto each_row = [&](auto&& f) {
#pragma unroll
    for (int i = 0; i < gemm_rows; ++i) {
      const int row = first_row + i / 4 * (M / 2) + ty * 4 + i % 4;
      const int place = row < m ? a.place(row) : -1;
      if (place >= 0) f(i, group * y.group_stride + place * y.stride + column);
    }
  };
  const auto leave = [&](int of_split) {
    float* const part = splits.partial + of_split * y.size;
    each_row([&](int i, std::int64_t to) {
      if (whole) {
        store<4>(part + to, 0, Quad{{sum[i][0], sum[i][1], sum[i][2], sum[i][3]}});
      } else {
#pragma unroll
        for (int j = 0; j < gemm_columns; ++j)
          if (column + j < n) part[to + j] = sum[i][j];
      }
    });
  };
  const auto add = [&](int first, int end, int step) {
#pragma unroll
    for (int i = 0; i < gemm_rows; ++i)
#pragma unroll
      for (int j = 0; j < gemm_columns; ++j) sum[i][j] = 0;
    for (int s = first; s < end; s += step) {
      const float* const part = splits.partial + s * y.size;
      each_row([&](int i, std::int64_t to) {
        if (whole) {
          const Quad q = load<4>(part + to, 0);
#pragma unroll
          for (int j = 0; j < gemm_columns; ++j) sum[i][j] += q.v[j];
        } else {
#pragma unroll
          for (int j = 0; j < gemm_columns; ++j)
            if (column + j < n) sum[i][j] += part[to + j];
        }
      });
    }
  };
  if (splits.count > 1) {
    const int teams = (splits.count + splits.at_once - 1) / splits.at_once, team = split / splits.at_once;
    const int first = team * splits.at_once;
    const int end = first + splits.at_once < splits.count ? first + splits.at_once : splits.count;
    unsigned* const counters = splits.counters + (group * static_cast<int>(gridDim.x) + tile) * (teams + 1);
    leave(split);
    if (!last_of_blocks(counters + team, end - first)) return;
    add(first, end, 1);
    if (teams > 1) {
      leave(first);
      if (!last_of_blocks(counters + teams, teams)) return;
      add(0, splits.count, splits.at_once);
    }
  }
  each_row([&](int i, std::int64_t to) {
    Vec<T, 4> out;
#pragma unroll
    for (int j = 0; j < gemm_columns; ++j) {
      const bool biased = y.bias != nullptr && column + j < n;
      out.v[j] = stored<T>(sum[i][j] + (biased ? static_cast<float>(number(y.bias[group * n + column + j])) : 0.0f));
    }
    if (whole) {
      store<4>(y.y + to, 0, out);
    } else {
#pragma unroll
      for (int j = 0; j < gemm_columns; ++j)
        if (column + j < n) y.y[to + j] = out.v[j];
    }
  });
}

template <int M, int N, class A, class B, class T>
void launch_gemm(Context& c, const A& a, const B& b, const GemmOutput<T>& y, std::int64_t m, std::int64_t n,
                 std::int64_t k, std::int64_t groups, const Cost& cost) {
  const std::int64_t column_tiles = (n + N - 1) / N, tiles = (m + M - 1) / M * column_tiles;
  const std::int64_t k_tiles = (k + gemm_depth - 1) / gemm_depth;
  // Fewer than eight tiles of k a block do not pay for the second pass.
  const int wanted = splits_for(c, tiles * groups, k_tiles, 8);
  const std::int64_t per_split = (k_tiles + wanted - 1) / wanted;
  const int splits = wanted == 1 ? 1 : static_cast<int>((k_tiles + per_split - 1) / per_split);
  // Up to so many parts are read one after the other.
  GemmSplits shared{nullptr, nullptr, splits, std::min(splits, 16)};
  Tensor partial;
  double moved = cost.bytes;
  if (splits > 1) {
    partial = empty(c, {splits, y.size}, DType::f32);
    shared.partial = pointer<float>(partial);
    shared.counters = c.counters(tiles * groups * ((splits + shared.at_once - 1) / shared.at_once + 1));
    moved += 2.0 * static_cast<double>(partial.bytes());
  }
  const LaunchShape shape{{static_cast<unsigned>(tiles), static_cast<unsigned>(splits), static_cast<unsigned>(groups)},
                          M * N / (gemm_rows * gemm_columns)};
  launch<gemm_kernel<M, N, A, B, T>>(c, shape, {moved, cost.flops}, a, b, y, shared, static_cast<int>(m),
                                     static_cast<int>(n), static_cast<int>(k),
                                     static_cast<int>(per_split * gemm_depth), static_cast<int>(column_tiles));
}

/// Large tiles, which read less, where there are enough of them to fill the device; narrow ones for few columns.
template <class A, class B, class T>
void gemm(Context& c, std::string_view op, const A& a, const B& b, const GemmOutput<T>& y, std::int64_t m,
          std::int64_t n, std::int64_t k, std::int64_t groups, const Cost& cost) {
  if (y.size == 0) return;
  constexpr std::int64_t largest = (std::int64_t{1} << 31) - 256;  // indices are int, also of a last tile's end
  if (std::max({m, n, k}) > largest || groups > 65535)
    throw UsageError("{}: a product of {} x {} x {} in {} group(s) has extents beyond 2^31", op, m, n, k, groups);
  if (n <= 32) return launch_gemm<128, 32>(c, a, b, y, m, n, k, groups, cost);
  if constexpr (A::vector > 1) {
    if ((m + 127) / 128 * ((n + 63) / 64) * groups >= 2 * c.properties().multiprocessors)
      return launch_gemm<128, 64>(c, a, b, y, m, n, k, groups, cost);
  }
  launch_gemm<64, 64>(c, a, b, y, m, n, k, groups, cost);
}

/// A matrix in memory as an operand: element (outer, k) is p[outer * stride + k] where along_k, else
/// p[k * stride + outer]; groups follow at group_stride.
template <class T, int V, bool AlongK>
struct MatrixOperand {
  using Element = T;
  static constexpr int vector = V;
  static constexpr bool along_k = AlongK;
  struct Row {
    const T* p;  // null: outside
  };

  const T* p;
  std::int64_t stride, group_stride;
  int outer_extent, k_extent;

  __device__ __forceinline__ int place(int outer) const { return outer; }
  __device__ __forceinline__ int next(int, int, int k, int) const { return k; }
  __device__ __forceinline__ Row row(int outer, int group) const {
    return {outer < outer_extent ? p + group * group_stride + outer * (along_k ? stride : 1) : nullptr};
  }
  __device__ __forceinline__ Vec<T, V> fetch(const Row& row, int k) const {
    if (row.p == nullptr || k >= k_extent) return {};
    return load<V>(row.p + k * (along_k ? 1 : stride), 0);
  }
};

}  // namespace engine::ENGINE_CUDA_NS

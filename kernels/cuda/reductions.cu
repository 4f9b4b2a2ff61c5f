// One kernel sums over any dimensions in any layout: memory is seen as kept and reduced groups of dimensions that
// alternate. Accumulation is in double, partial sums are added in a fixed order.
#include "kernels/cuda/reductions.h"

#include <algorithm>
#include <bit>

#include "kernels/checks.h"
#include "kernels/cuda/divisor.h"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/movement.h"
#include "kernels/cuda/reduce.cuh"

namespace engine::ENGINE_CUDA_NS {

constexpr int reduce_threads = 256, max_groups = 4;

/// Dimensions of one kind, innermost first. The innermost one of the memory counts vectors.
template <class Index>
struct Groups {
  int rank = 0;
  Divisor<Index> extents[max_groups];
  Index strides[max_groups] = {};

  __device__ __forceinline__ Index offset(Index i) const {
    Index at = 0;
    for (int d = 0; d < rank; ++d) {
      const auto [quotient, index] = extents[d](i);
      at += index * strides[d];
      i = quotient;
    }
    return at;
  }
};

template <class Index>
struct ReduceWalk {
  Groups<Index> kept, reduced;
  std::int64_t lanes, items, per_split;  // results (in vectors of them where they are innermost), terms of each
  int along, splits;                     // threads of a block over results; the others share the terms
  double factor;
};

// Results innermost in memory: a thread sums V neighbouring results, neighbouring threads take neighbouring results.
// Terms innermost: a thread takes V neighbouring terms, neighbouring threads take neighbouring terms. Each split of
// the terms writes its sums to partial [result][split], a single one the result itself.
template <bool columns, int V, class T, class Index>
__global__ void __launch_bounds__(reduce_threads, 3)
    reduce_kernel(const T* __restrict__ x, T* __restrict__ y, double* __restrict__ partial, ReduceWalk<Index> w) {
  constexpr int K = columns ? V : 1;
  SHARED(double, s, [K][reduce_threads]);
  const int thread = static_cast<int>(threadIdx.x), sharing = reduce_threads / w.along;
  const int column = columns ? thread % w.along : thread / sharing;
  const int term = columns ? thread / w.along : thread % sharing;
  const std::int64_t lane = static_cast<std::int64_t>(blockIdx.x) * w.along + column;
  double sum[K] = {};
  if (lane < w.lanes) {
    const Index base = w.kept.offset(static_cast<Index>(lane));
    const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * w.per_split;
    const std::int64_t end = first + w.per_split < w.items ? first + w.per_split : w.items;
    // Many sums leave registers for fewer reads at once.
#pragma unroll(K > 4 ? 2 : 4)
    for (std::int64_t i = first + term; i < end; i += sharing) {
      const Vec<T, V> v = load<V>(x + base + w.reduced.offset(static_cast<Index>(i)), 0);
#pragma unroll
      for (int k = 0; k < V; ++k) sum[k % K] += static_cast<double>(number(v.v[k]));
    }
  }
#pragma unroll
  for (int k = 0; k < K; ++k) s[k][thread] = sum[k];
  for (int half = sharing / 2; half > 0; half /= 2) {
    __syncthreads();
    if (term < half) {
#pragma unroll
      for (int k = 0; k < K; ++k) s[k][thread] += s[k][thread + half * (columns ? w.along : 1)];
    }
  }
  if (term != 0 || lane >= w.lanes) return;
#pragma unroll
  for (int k = 0; k < K; ++k) {
    if (partial)
      partial[(lane * K + k) * w.splits + blockIdx.y] = s[k][thread];
    else
      y[lane * K + k] = stored<T>(static_cast<float>(s[k][thread] * w.factor));
  }
}

// A warp adds the splits of one result.
template <class T>
__global__ void __launch_bounds__(reduce_threads)
    finish_reduce_kernel(const double* __restrict__ partial, T* __restrict__ y, std::int64_t results, int splits,
                         double factor) {
  const std::int64_t result = global_thread() / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (result >= results) return;  // whole warps
  double sum = 0;
  for (int split = lane; split < splits; split += 32) sum += partial[result * splits + split];
  sum = warp_sum(sum);
  if (lane == 0) y[result] = stored<T>(static_cast<float>(sum * factor));
}

struct Group {
  std::int64_t extent, stride;
  bool reduced;
};

// Physical dimensions, innermost first; neighbours of one kind become one, extents of 1 vanish.
static std::vector<Group> groups_of(const Tensor& x, std::vector<bool> reduced) {
  if (channels_last(x)) reduced = {reduced[0], reduced[2], reduced[3], reduced[1]};
  const auto extents = physical_dims(x);
  std::vector<Group> groups;
  std::int64_t stride = 1;
  for (std::size_t i = extents.size(); i-- > 0; stride *= extents[i]) {
    if (extents[i] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced[i])
      groups.back().extent *= extents[i];
    else
      groups.push_back({extents[i], stride, reduced[i]});
  }
  return groups;
}

template <bool columns, int V, class T, class Index>
static void launch_reduce(Context& c, const Tensor& x, const Tensor& y, const std::vector<Group>& groups,
                          double factor) {
  ReduceWalk<Index> w{};
  w.lanes = w.items = 1;
  w.factor = factor;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::int64_t vector = i == 0 ? V : 1, extent = groups[i].extent / vector;
    Groups<Index>& to = groups[i].reduced ? w.reduced : w.kept;
    to.extents[to.rank] = Divisor<Index>(static_cast<Index>(extent));
    to.strides[to.rank++] = static_cast<Index>(groups[i].stride * vector);
    (groups[i].reduced ? w.items : w.lanes) *= extent;
  }
  // Few terms leave threads to more results; results in columns get at least whole warps while there are so many.
  const std::int64_t most = columns ? 8 : reduce_threads;
  const std::int64_t sharing = static_cast<std::int64_t>(
      std::bit_floor(static_cast<std::uint64_t>(std::min(w.items, most))));
  w.along = static_cast<int>(std::min<std::int64_t>(
      reduce_threads / sharing, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(w.lanes)))));
  const std::int64_t tiles = (w.lanes + w.along - 1) / w.along, at_once = 4 * (reduce_threads / w.along);
  const std::int64_t wanted = std::max<std::int64_t>(1, 6 * c.properties().multiprocessors / tiles);  // three at once
  const std::int64_t splits = std::min(wanted, std::max<std::int64_t>(1, w.items / at_once));
  w.per_split = (w.items + splits - 1) / splits;
  w.splits = static_cast<int>((w.items + w.per_split - 1) / w.per_split);
  const Tensor partial = w.splits > 1 ? empty(c, {y.numel(), w.splits}, DType::f64) : Tensor();
  const Cost cost{static_cast<double>(x.bytes() + y.bytes()), static_cast<double>(x.numel())};
  launch<reduce_kernel<columns, V, T, Index>>(
      c, {{static_cast<unsigned>(tiles), static_cast<unsigned>(w.splits)}, reduce_threads}, cost, pointer<const T>(x),
      pointer<T>(y), w.splits > 1 ? pointer<double>(partial) : nullptr, w);
  if (w.splits == 1) return;
  const unsigned blocks = static_cast<unsigned>((y.numel() * 32 + reduce_threads - 1) / reduce_threads);
  launch<finish_reduce_kernel<T>>(
      c, {blocks, reduce_threads}, {static_cast<double>(partial.bytes()), static_cast<double>(partial.numel())},
      pointer<const double>(partial), pointer<T>(y), y.numel(), w.splits, factor);
}

template <class T>
static void reduce_into(Context& c, const Tensor& x, const Tensor& y, const std::vector<Group>& groups, double factor) {
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  const bool columns = groups.empty() || !groups[0].reduced;
  const bool whole = !groups.empty() && groups[0].extent % vector == 0 && aligned(pointer<T>(x));
  const auto with_index = [&](auto index) {
    using Index = decltype(index);
    if (columns && whole) return launch_reduce<true, vector, T, Index>(c, x, y, groups, factor);
    if (columns) return launch_reduce<true, 1, T, Index>(c, x, y, groups, factor);
    if (whole) return launch_reduce<false, vector, T, Index>(c, x, y, groups, factor);
    launch_reduce<false, 1, T, Index>(c, x, y, groups, factor);
  };
  if (x.numel() < (std::int64_t{1} << 31))
    with_index(std::uint32_t{});
  else
    with_index(std::uint64_t{});
}

// Sums x over the marked dimensions and multiplies by `factor`. `shape` is the result's: with or without them.
static Tensor reduce(Context& c, std::string_view op, const Tensor& x, const std::vector<bool>& reduced, double factor,
                     const Shape& shape) {
  Shape kept = x.shape();
  for (int i = 0; i < kept.rank(); ++i)
    if (reduced[static_cast<std::size_t>(i)]) kept = kept.with(i, 1);
  const std::vector<Group> groups = groups_of(x, reduced);
  if (groups.size() > 2 * max_groups)
    throw UsageError("{}: {} alternates between kept and reduced dimensions more than {} times", op, x.str(),
                     2 * max_groups);
  Tensor y = empty_like(c, x, kept, x.dtype());
  with_floating(op, x, [&](auto sample) {
    using T = decltype(sample);
    if (x.numel() == 0)
      fill_(c, y, 0.0 * factor);
    else
      reduce_into<T>(c, x, y, groups, factor);
  });
  return shape == kept ? y : to_plain(c, y).reshaped(shape);
}

static Tensor reduce_axes(Context& c, std::string_view op, const Tensor& x, const std::vector<int>& axes, bool keep,
                          bool average) {
  const Shape shape = check_reduction(op, x, axes, keep);
  std::vector<bool> reduced(static_cast<std::size_t>(x.shape().rank()), false);
  double count = 1;
  for (const int axis : axes) {
    reduced[static_cast<std::size_t>(axis)] = true;
    count *= static_cast<double>(x.dim(axis));
  }
  return reduce(c, op, x, reduced, average ? 1.0 / count : 1.0, shape);
}

Tensor sum(Context& c, const Tensor& x, const std::vector<int>& axes, bool keep) {
  return reduce_axes(c, "sum", x, axes, keep, false);
}

Tensor mean(Context& c, const Tensor& x, const std::vector<int>& axes, bool keep) {
  return reduce_axes(c, "mean", x, axes, keep, true);
}

Tensor sum_to(Context& c, const Tensor& x, const Shape& shape) {
  check_sum_to(x.shape(), shape);
  if (x.shape() == shape) return x;
  const int missing = x.shape().rank() - shape.rank();
  std::vector<bool> reduced(static_cast<std::size_t>(x.shape().rank()));
  for (int i = 0; i < x.shape().rank(); ++i)
    reduced[static_cast<std::size_t>(i)] = i < missing || (shape[i - missing] == 1 && x.dim(i) != 1);
  return reduce(c, "sum_to", x, reduced, 1.0, shape);
}

}  // namespace engine::ENGINE_CUDA_NS

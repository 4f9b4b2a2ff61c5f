#include "kernels/cuda/reductions.h"

#include <algorithm>

#include "kernels/checks.h"
#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/divisor.h"
#include "kernels/cuda/movement.h"

namespace engine::ENGINE_CUDA_NS {

constexpr int max_dimensions = 8;
constexpr int column_lanes = 32, column_rows = 8;
// Shares of one sum that different blocks add where there are few results; a second pass adds the shares.
constexpr std::int64_t enough_blocks = 256, least_share = 512;

// A dimension of x: neighbours are `from` elements apart in x and, where it stays, `to` in the result.
struct Dimension {
  std::int64_t extent, from, to;
};

template <class Index>
struct SumWalk {
  int kept_rank, summed_rank;
  Divisor<Index> kept[max_dimensions], summed[max_dimensions];  // innermost in x first
  Index kept_from[max_dimensions], kept_to[max_dimensions], summed_from[max_dimensions];
};

template <class Index>
__device__ __forceinline__ Index offset_of_summed(const SumWalk<Index>& w, Index r) {
  Index at = 0;
  for (int d = 0; d < w.summed_rank; ++d) {
    const auto [quotient, index] = w.summed[d](r);
    at += index * w.summed_from[d];
    r = quotient;
  }
  return at;
}

template <class Index>
__device__ __forceinline__ void offsets_of_kept(const SumWalk<Index>& w, Index o, Index& from, Index& to) {
  from = to = 0;
  for (int d = 0; d < w.kept_rank; ++d) {
    const auto [quotient, index] = w.kept[d](o);
    from += index * w.kept_from[d];
    to += index * w.kept_to[d];
    o = quotient;
  }
}

// Where a result goes: finished into y, or as the share of blockIdx.y into shares[share][result].
template <class Y, class Index>
__device__ __forceinline__ void finish(double sum, double factor, Index result, Index results, Index to, Y* y,
                                       double* shares) {
  if (gridDim.y == 1)
    y[to] = stored<Y>(static_cast<float>(sum * factor));
  else
    shares[blockIdx.y * results + result] = sum;
}

// Neighbours in x belong to different results: a lane for each, so that a warp reads a line at a time.
template <class T, class Y, class Index>
__global__ void __launch_bounds__(column_lanes* column_rows)
    sum_columns_kernel(const T* __restrict__ x, Y* __restrict__ y, double* __restrict__ shares, Index results,
                       Index summed, Index per_share, double factor, SumWalk<Index> walk) {
  SHARED(double, partial, [column_rows][column_lanes]);
  const Index result = static_cast<Index>(blockIdx.x) * column_lanes + threadIdx.x;
  const Index begin = static_cast<Index>(blockIdx.y) * per_share, end = min(begin + per_share, summed);
  Index from = 0, to = 0;
  double sum = 0.0;
  if (result < results) {
    offsets_of_kept(walk, result, from, to);
    for (Index r = begin + threadIdx.y; r < end; r += column_rows)
      sum += static_cast<double>(number(x[from + offset_of_summed(walk, r)]));
  }
  partial[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || result >= results) return;
  double total = 0.0;
#pragma unroll
  for (int i = 0; i < column_rows; ++i) total += partial[i][threadIdx.x];
  finish(total, factor, result, results, to, y, shares);
}

// Neighbours in x belong to one result: a block for each.
template <int threads, class T, class Y, class Index>
__global__ void __launch_bounds__(threads)
    sum_rows_kernel(const T* __restrict__ x, Y* __restrict__ y, double* __restrict__ shares, Index results, Index summed,
                    Index per_share, double factor, SumWalk<Index> walk) {
  SHARED(double, of_warp, [threads / 32]);
  const Index result = blockIdx.x;
  const Index begin = static_cast<Index>(blockIdx.y) * per_share, end = min(begin + per_share, summed);
  Index from = 0, to = 0;
  offsets_of_kept(walk, result, from, to);
  double sum = 0.0;
  for (Index r = begin + threadIdx.x; r < end; r += threads)
    sum += static_cast<double>(number(x[from + offset_of_summed(walk, r)]));
#pragma unroll
  for (int d = 16; d > 0; d /= 2) sum += __shfl_down_sync(0xFFFFFFFFu, sum, static_cast<unsigned>(d));
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x > 0) return;
  double total = 0.0;
#pragma unroll
  for (int w = 0; w < threads / 32; ++w) total += of_warp[w];
  finish(total, factor, result, results, to, y, shares);
}

// What is summed, as the host sees it.
struct Sum {
  std::vector<Dimension> kept, summed;  // innermost in x first; never empty
  std::int64_t results = 1, terms = 1;
  double factor = 1.0;
};

// Neighbours that are passed without a jump are one.
static void append(std::vector<Dimension>& dims, const Dimension& d, bool kept) {
  if (d.extent == 1) return;
  if (!dims.empty() && d.from == dims.back().from * dims.back().extent &&
      (!kept || d.to == dims.back().to * dims.back().extent))
    dims.back().extent *= d.extent;
  else
    dims.push_back(d);
}

template <class Index>
static SumWalk<Index> device_walk(const Sum& s) {
  SumWalk<Index> w{};
  w.kept_rank = static_cast<int>(s.kept.size());
  w.summed_rank = static_cast<int>(s.summed.size());
  for (std::size_t d = 0; d < s.kept.size(); ++d) {
    w.kept[d] = Divisor<Index>(static_cast<Index>(s.kept[d].extent));
    w.kept_from[d] = static_cast<Index>(s.kept[d].from);
    w.kept_to[d] = static_cast<Index>(s.kept[d].to);
  }
  for (std::size_t d = 0; d < s.summed.size(); ++d) {
    w.summed[d] = Divisor<Index>(static_cast<Index>(s.summed[d].extent));
    w.summed_from[d] = static_cast<Index>(s.summed[d].from);
  }
  return w;
}

// One pass over x in `shares` shares a result.
template <class T, class Y, class Index>
static void launch_sum(Context& c, const Sum& s, const T* x, Y* y, double* shares, std::int64_t count, const Cost& cost) {
  const auto results = static_cast<Index>(s.results), terms = static_cast<Index>(s.terms);
  const auto per_share = static_cast<Index>((s.terms + count - 1) / count);
  const auto walk = device_walk<Index>(s);
  const auto parts = static_cast<unsigned>(count);
  if (s.kept[0].from < s.summed[0].from || s.terms == 1) {
    const LaunchShape shape{{static_cast<unsigned>((s.results + column_lanes - 1) / column_lanes), parts},
                            {column_lanes, column_rows}};
    launch<sum_columns_kernel<T, Y, Index>>(c, shape, cost, x, y, shares, results, terms, per_share, s.factor, walk);
  } else if (s.terms <= 128) {
    const LaunchShape shape{{static_cast<unsigned>(s.results), parts}, 32};
    launch<sum_rows_kernel<32, T, Y, Index>>(c, shape, cost, x, y, shares, results, terms, per_share, s.factor, walk);
  } else {
    const LaunchShape shape{{static_cast<unsigned>(s.results), parts}, 256};
    launch<sum_rows_kernel<256, T, Y, Index>>(c, shape, cost, x, y, shares, results, terms, per_share, s.factor, walk);
  }
}

template <class T, class Index>
static void run(Context& c, const Sum& s, const Tensor& x, const Tensor& y) {
  const bool columns = s.kept[0].from < s.summed[0].from;
  const std::int64_t blocks = columns ? (s.results + column_lanes - 1) / column_lanes : s.results;
  const std::int64_t shares = 
      std::clamp<std::int64_t>(std::min(enough_blocks / blocks, s.terms / least_share), 1, enough_blocks);
  const Cost cost{static_cast<double>(x.bytes() + y.bytes()), static_cast<double>(x.numel())};
  if (shares == 1) return launch_sum<T, T, Index>(c, s, pointer<const T>(x), pointer<T>(y), nullptr, 1, cost);
  const Tensor partial = empty(c, {shares, s.results}, DType::f64);
  launch_sum<T, T, Index>(c, s, pointer<const T>(x), pointer<T>(y), pointer<double>(partial), shares, cost);
  // The shares of one result are `results` apart, those of neighbours beside each other.
  Sum second = s;
  std::int64_t at = 1;
  for (Dimension& d : second.kept) d.from = at, at *= d.extent;
  second.summed = {{shares, s.results, 0}};
  second.terms = shares;
  launch_sum<double, T, Index>(c, second, pointer<const double>(partial), pointer<T>(y), nullptr, 1,
                               {static_cast<double>(partial.bytes()), static_cast<double>(partial.numel())});
}

// Sums x over the dimensions marked in `summed`; dimension i of x is dimension place[i] of y where it stays.
static void reduce(Context& c, std::string_view op, const Tensor& x, const Tensor& y, const std::vector<bool>& summed,
                   const std::vector<std::size_t>& place, double factor) {
  if (y.numel() == 0) return;
  if (x.numel() == 0) return fill_(c, y, 0.0 * factor);  // the mean of nothing: 0 * infinity is NaN
  const auto from = memory_strides(x), to = memory_strides(y);
  std::vector<std::size_t> order(summed.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return from[a] < from[b]; });
  Sum s;
  s.factor = factor;
  for (const std::size_t i : order) {
    const std::int64_t extent = x.shape()[static_cast<int>(i)];
    (summed[i] ? s.terms : s.results) *= extent;
    append(summed[i] ? s.summed : s.kept, {extent, from[i], summed[i] ? 0 : to[place[i]]}, !summed[i]);
  }
  const std::int64_t beyond = x.numel();  // a jump that no element makes
  if (s.kept.empty()) s.kept.push_back({1, beyond, 0});
  if (s.summed.empty()) s.summed.push_back({s.terms, beyond, 0});
  if (std::max(s.kept.size(), s.summed.size()) > max_dimensions)
    throw UsageError("{}: {} has more than {} separate dimensions", op, x.str(), max_dimensions);
  with_floating(op, x, [&](auto sample) {
    using T = decltype(sample);
    if (x.numel() < (std::int64_t{1} << 31))
      run<T, std::uint32_t>(c, s, x, y);
    else
      run<T, std::uint64_t>(c, s, x, y);
  });
}

static Tensor over_axes(Context& c, std::string_view op, const Tensor& x, const std::vector<int>& axes, bool keep,
                        bool average) {
  const Shape shape = check_reduction(op, x, axes, keep);
  Tensor y = shape.rank() == x.shape().rank() ? empty_like(c, x, shape, x.dtype()) : empty(c, shape, x.dtype());
  std::vector<bool> summed(x.shape().dims().size(), false);
  double terms = 1.0;
  for (const int a : axes) {
    summed[static_cast<std::size_t>(a)] = true;
    terms *= static_cast<double>(x.dim(a));
  }
  std::vector<std::size_t> place;
  std::size_t next = 0;
  for (const bool gone : summed) place.push_back(gone && !keep ? 0 : next++);
  reduce(c, op, x, y, summed, place, average ? 1.0 / terms : 1.0);
  return y;
}

Tensor sum(Context& c, const Tensor& x, const std::vector<int>& axes, bool keep) {
  return over_axes(c, "sum", x, axes, keep, false);
}
Tensor mean(Context& c, const Tensor& x, const std::vector<int>& axes, bool keep) {
  return over_axes(c, "mean", x, axes, keep, true);
}

Tensor sum_to(Context& c, const Tensor& x, const Shape& shape) {
  check_sum_to(x.shape(), shape);
  if (x.shape() == shape) return x;
  Tensor y = shape.rank() == x.shape().rank() ? empty_like(c, x, shape, x.dtype()) : empty(c, shape, x.dtype());
  const int lead = x.shape().rank() - shape.rank();
  std::vector<bool> summed;
  std::vector<std::size_t> place;
  for (int i = 0; i < x.shape().rank(); ++i) {
    summed.push_back(i < lead || (shape[i - lead] == 1 && x.dim(i) != 1));
    place.push_back(static_cast<std::size_t>(std::max(0, i - lead)));
  }
  reduce(c, "sum_to", x, y, summed, place, 1.0);
  return y;
}

}  // namespace engine::ENGINE_CUDA_NS

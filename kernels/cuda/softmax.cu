#include "kernels/cuda/softmax.h"

#include <algorithm>
#include <bit>

#include "kernels/checks.h"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/softmax_rows.cuh"

namespace engine::ENGINE_CUDA_NS {

// What becomes of a number once its row is known: the two functions and their gradients.
template <bool logarithm>
struct Softmax {
  float max, shift;  // shift: what the exponential is multiplied with, or what is subtracted

  __device__ __forceinline__ explicit Softmax(const MaxSum& m)
      : max(m.max), shift(logarithm ? logf(m.sum) : 1.0f / m.sum) {}
  __device__ __forceinline__ float operator()(float x) const {
    return logarithm ? (x - max) - shift : expf(x - max) * shift;
  }
};

template <bool logarithm>
struct SoftmaxBackward {
  static __device__ __forceinline__ float term(float y, float dy) { return logarithm ? dy : y * dy; }
  static __device__ __forceinline__ float result(float y, float dy, float sum) {
    return logarithm ? dy - expf(y) * sum : y * (dy - sum);
  }
};

// ---- contiguous rows ----------------------------------------------------------------------------------------------

template <class T, int G, int V, bool logarithm>
__global__ void __launch_bounds__(row_threads, 4)
    softmax_rows_kernel(const T* __restrict__ x, T* __restrict__ y, std::int64_t rows, std::int64_t n) {
  for_each_row<G>(rows, [&](std::int64_t row, bool live) {
    const std::int64_t vectors = live ? n / V : 0;
    const T* from = x + row * n;
    T* to = y + row * n;
    MaxSum m = of_nothing();
    for_each_vector<G>(vectors, [&](std::int64_t i) { m = with_numbers(m, load<V>(from, i)); });
    const Softmax<logarithm> f(over_row<G>(m));
    for_each_vector<G>(vectors, [&](std::int64_t i) {
      Vec<T, V> v = load<V>(from, i);
#pragma unroll
      for (int k = 0; k < V; ++k) v.v[k] = stored<T>(f(number(v.v[k])));
      store<V>(to, i, v);
    });
  });
}

template <class T, int G, int V, bool logarithm>
__global__ void __launch_bounds__(row_threads, 4)
    softmax_rows_backward_kernel(const T* __restrict__ y, const T* __restrict__ dy, T* __restrict__ dx,
                                 std::int64_t rows, std::int64_t n) {
  using Gradient = SoftmaxBackward<logarithm>;
  for_each_row<G>(rows, [&](std::int64_t row, bool live) {
    const std::int64_t vectors = live ? n / V : 0;
    const T *result = y + row * n, *from = dy + row * n;
    T* to = dx + row * n;
    float sum = 0.0f;
    for_each_vector<G>(vectors, [&](std::int64_t i) {
      const Vec<T, V> a = load<V>(result, i), b = load<V>(from, i);
#pragma unroll
      for (int k = 0; k < V; ++k) sum += Gradient::term(number(a.v[k]), number(b.v[k]));
    });
    sum = over_row<G>(sum);
    for_each_vector<G>(vectors, [&](std::int64_t i) {
      const Vec<T, V> a = load<V>(result, i), b = load<V>(from, i);
      Vec<T, V> d;
#pragma unroll
      for (int k = 0; k < V; ++k) d.v[k] = stored<T>(Gradient::result(number(a.v[k]), number(b.v[k]), sum));
      store<V>(to, i, d);
    });
  });
}

// ---- along an outer dimension -------------------------------------------------------------------------------------

// x[outer][n][inner]: a block's x runs over the columns of one slab, which are neighbours in memory, its y shares
// their length.
struct Columns {
  std::int64_t outer, n, inner;
  unsigned tiles;  // of blockDim.x columns in a slab
};

/// Calls f(place of this thread's column, whether there is one) for each of the block's tiles.
template <class F>
__device__ __forceinline__ void for_each_column(const Columns& s, F f) {
  for (std::int64_t tile = blockIdx.x; tile < s.outer * s.tiles; tile += gridDim.x) {
    const std::int64_t slab = tile / s.tiles, column = tile % s.tiles * blockDim.x + threadIdx.x;
    f(slab * s.n * s.inner + column, column < s.inner);
  }
}

/// Joins what the threads of a column hold, in the order of y.
template <class T>
__device__ __forceinline__ T over_column(T v) {
  SHARED(T, all, [row_threads]);
  __syncthreads();  // the last tile's have been read
  all[threadIdx.y * blockDim.x + threadIdx.x] = v;
  __syncthreads();
  v = all[threadIdx.x];
  for (unsigned i = 1; i < blockDim.y; ++i) v = joined(v, all[i * blockDim.x + threadIdx.x]);
  return v;
}

template <class T, bool logarithm>
__global__ void __launch_bounds__(row_threads, 4)
    softmax_columns_kernel(const T* __restrict__ x, T* __restrict__ y, Columns s) {
  for_each_column(s, [&](std::int64_t at, bool live) {
    const std::int64_t n = live ? s.n : 0;
    MaxSum m = of_nothing();
    for (std::int64_t i = threadIdx.y; i < n; i += blockDim.y) m = with_numbers(m, load<1>(x, at + i * s.inner));
    const Softmax<logarithm> f(over_column(m));
    for (std::int64_t i = threadIdx.y; i < n; i += blockDim.y)
      y[at + i * s.inner] = stored<T>(f(number(x[at + i * s.inner])));
  });
}

template <class T, bool logarithm>
__global__ void __launch_bounds__(row_threads, 4)
    softmax_columns_backward_kernel(const T* __restrict__ y, const T* __restrict__ dy, T* __restrict__ dx, Columns s) {
  using Gradient = SoftmaxBackward<logarithm>;
  for_each_column(s, [&](std::int64_t at, bool live) {
    const std::int64_t n = live ? s.n : 0;
    float sum = 0.0f;
    for (std::int64_t i = threadIdx.y; i < n; i += blockDim.y)
      sum += Gradient::term(number(y[at + i * s.inner]), number(dy[at + i * s.inner]));
    sum = over_column(sum);
    for (std::int64_t i = threadIdx.y; i < n; i += blockDim.y)
      dx[at + i * s.inner] =
          stored<T>(Gradient::result(number(y[at + i * s.inner]), number(dy[at + i * s.inner]), sum));
  });
}

// ---- operations ---------------------------------------------------------------------------------------------------

static Columns columns_along(const Tensor& x, int axis) {
  constexpr int place_in_channels_last[] = {0, 3, 1, 2};
  const std::vector<std::int64_t> dims = physical_dims(x);
  const int place = channels_last(x) ? place_in_channels_last[axis] : axis;
  Columns s{1, dims[static_cast<std::size_t>(place)], 1, 1};
  for (int d = 0; d < place; ++d) s.outer *= dims[static_cast<std::size_t>(d)];
  for (std::size_t d = static_cast<std::size_t>(place) + 1; d < dims.size(); ++d) s.inner *= dims[d];
  return s;
}

static LaunchShape columns_shape(Context& c, Columns& s) {
  const auto power = [](std::int64_t n) { return static_cast<unsigned>(std::bit_ceil(static_cast<std::uint64_t>(n))); };
  const unsigned sharing = power(std::min<std::int64_t>(s.n, 8));
  const unsigned wide = power(std::min<std::int64_t>(s.inner, row_threads / sharing));
  s.tiles = static_cast<unsigned>((s.inner + wide - 1) / wide);
  LaunchShape shape = c.grid_stride(s.outer * s.tiles * row_threads, 1, row_threads);
  shape.block = {wide, sharing};
  return shape;
}

template <bool logarithm>
static Tensor forward(Context& c, std::string_view op, const Tensor& x, int axis) {
  check_axis(op, x, axis);
  Tensor y = empty_like(c, x);
  with_floating(op, x, [&](auto sample) {
    using T = decltype(sample);
    if (x.numel() == 0) return;
    const T* from = pointer<const T>(x);
    T* to = pointer<T>(y);
    const Cost cost{2.0 * static_cast<double>(x.bytes()), 30.0 * static_cast<double>(x.numel())};
    Columns s = columns_along(x, axis);
    if (s.inner > 1) {
      const LaunchShape shape = columns_shape(c, s);
      launch<softmax_columns_kernel<T, logarithm>>(c, shape, cost, from, to, s);
      return;
    }
    with_row_shape<T>(c, s.outer, s.n, aligned(from, to), [&](auto group, auto vector) {
      launch<softmax_rows_kernel<T, group(), vector(), logarithm>>(c, c.grid_stride(s.outer * group(), 1, row_threads),
                                                                   cost, from, to, s.outer, s.n);
    });
  });
  return y;
}

template <bool logarithm>
static Tensor backward(Context& c, std::string_view op, const Tensor& y, const Tensor& dy_any, int axis) {
  check_same_shape(op, y, dy_any);
  check_axis(op, y, axis);
  if (y.dtype() != dy_any.dtype()) throw UsageError("{}: {} and {} differ in type", op, y.str(), dy_any.str());
  const Tensor dy = in_layout_of(c, dy_any, y);
  Tensor dx = empty_like(c, y);
  with_floating(op, y, [&](auto sample) {
    using T = decltype(sample);
    if (y.numel() == 0) return;
    const T *result = pointer<const T>(y), *from = pointer<const T>(dy);
    T* to = pointer<T>(dx);
    const Cost cost{3.0 * static_cast<double>(y.bytes()), (logarithm ? 14.0 : 4.0) * static_cast<double>(y.numel())};
    Columns s = columns_along(y, axis);
    if (s.inner > 1) {
      const LaunchShape shape = columns_shape(c, s);
      launch<softmax_columns_backward_kernel<T, logarithm>>(c, shape, cost, result, from, to, s);
      return;
    }
    with_row_shape<T>(c, s.outer, s.n, aligned(result, from, to), [&](auto group, auto vector) {
      launch<softmax_rows_backward_kernel<T, group(), vector(), logarithm>>(
          c, c.grid_stride(s.outer * group(), 1, row_threads), cost, result, from, to, s.outer, s.n);
    });
  });
  return dx;
}

Tensor softmax(Context& c, const Tensor& x, int axis) { return forward<false>(c, "softmax", x, axis); }
Tensor log_softmax(Context& c, const Tensor& x, int axis) { return forward<true>(c, "log_softmax", x, axis); }

Tensor softmax_backward(Context& c, const Tensor& y, const Tensor& dy, int axis) {
  return backward<false>(c, "softmax_backward", y, dy, axis);
}
Tensor log_softmax_backward(Context& c, const Tensor& y, const Tensor& dy, int axis) {
  return backward<true>(c, "log_softmax_backward", y, dy, axis);
}

}  // namespace engine::ENGINE_CUDA_NS

// Layer norm: a warp or a block takes a row. The row is read from memory once; the second reading, which writes the
// result, finds it in L1 or L2. The gradients of weight and bias are sums over rows: a walk over columns.
#include "kernels/cuda/layer_norm.h"

#include "kernels/checks.h"
#include "kernels/cuda/channel_walk.cuh"
#include "kernels/cuda/movement.h"
#include "kernels/cuda/one_type.h"

namespace engine::ENGINE_CUDA_NS {

constexpr int row_threads = 256, row_warps = row_threads / 32;
constexpr std::int64_t long_row = 256;  // vectors; what keeps a warp busy for eight accesses is worth a block

// The part of a row that this thread takes: vectors begin, begin + Threads, ...; Threads is a warp or the block.
template <int Threads>
struct RowPart {
  std::int64_t row;
  int begin;
  __device__ __forceinline__ RowPart()
      : row(static_cast<std::int64_t>(blockIdx.x) * (row_threads / Threads) + threadIdx.x / Threads),
        begin(static_cast<int>(threadIdx.x) % Threads) {}
};

// Statistics of x minus the row's first value, merged in a fixed order.
template <int Threads>
__device__ __forceinline__ Moments<float> row_merge(Moments<float> m) {
  m = warp_merge(m);
  if constexpr (Threads > 32) {
    SHARED(float, s, [3][row_warps]);
    const int warp = static_cast<int>(threadIdx.x) / 32;
    if (threadIdx.x % 32 == 0) {
      s[0][warp] = m.count;
      s[1][warp] = m.mean;
      s[2][warp] = m.m2;
    }
    __syncthreads();
    m = {0, 0, 0};
    for (int i = 0; i < row_warps; ++i) m = merge(m, {s[0][i], s[1][i], s[2][i]});
  }
  return m;
}

struct TwoSums {
  float a, b;
};
template <int Threads>
__device__ __forceinline__ TwoSums row_sums(TwoSums v) {
  v = {warp_sum(v.a), warp_sum(v.b)};
  if constexpr (Threads > 32) {
    SHARED(float, s, [2][row_warps]);
    const int warp = static_cast<int>(threadIdx.x) / 32;
    if (threadIdx.x % 32 == 0) {
      s[0][warp] = v.a;
      s[1][warp] = v.b;
    }
    __syncthreads();
    v = {0, 0};
    for (int i = 0; i < row_warps; ++i) {
      v.a += s[0][i];
      v.b += s[1][i];
    }
  }
  return v;
}

template <int Threads, int V, class T>
__global__ void __launch_bounds__(row_threads)
    layer_norm_kernel(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
                      T* __restrict__ y, T* __restrict__ means, T* __restrict__ inv_stds, std::int64_t rows,
                      std::int64_t vectors, float eps) {
  const RowPart<Threads> part;
  const bool inside = part.row < rows;  // a whole warp, or the block
  const T* row = x + (inside ? part.row * vectors * V : 0);
  const float pivot = number(row[0]);
  Moments<float> m{0, 0, 0};
  for (std::int64_t i = part.begin; inside && i < vectors; i += Threads) {
    const Vec<T, V> v = load<V>(row, i);
    float d[V], sum = 0, squares = 0;
#pragma unroll
    for (int k = 0; k < V; ++k) sum += d[k] = number(v.v[k]) - pivot;
    const float mean = sum * (1.0f / V);
#pragma unroll
    for (int k = 0; k < V; ++k) squares = fmaf(d[k] - mean, d[k] - mean, squares);
    m = merge(m, {static_cast<float>(V), mean, squares});
  }
  m = row_merge<Threads>(m);
  if (!inside) return;
  const float inv_std = 1.0f / sqrtf(m.m2 / m.count + eps);
  if (part.begin == 0) {
    means[part.row] = stored<T>(pivot + m.mean);
    inv_stds[part.row] = stored<T>(inv_std);
  }
  for (std::int64_t i = part.begin; i < vectors; i += Threads) {
    const Vec<T, V> v = load<V>(row, i), w = load<V>(weight, i), b = load<V>(bias, i);
    Vec<T, V> out;
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const float normal = ((number(v.v[k]) - pivot) - m.mean) * inv_std;
      out.v[k] = stored<T>(fmaf(normal, number(w.v[k]), number(b.v[k])));
    }
    store<V>(y, part.row * vectors + i, out);
  }
}

template <int Threads, int V, class T>
__global__ void __launch_bounds__(row_threads)
    layer_norm_input_kernel(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ means,
                            const T* __restrict__ inv_stds, const T* __restrict__ dy, T* __restrict__ dx,
                            std::int64_t rows, std::int64_t vectors) {
  const RowPart<Threads> part;
  const bool inside = part.row < rows;
  const std::int64_t row = inside ? part.row : 0, base = row * vectors;
  const float mean = number(means[row]), inv_std = number(inv_stds[row]);
  TwoSums sums{0, 0};
  for (std::int64_t i = part.begin; inside && i < vectors; i += Threads) {
    const Vec<T, V> v = load<V>(x, base + i), w = load<V>(weight, i), g = load<V>(dy, base + i);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const float scaled = number(g.v[k]) * number(w.v[k]);
      sums.a += scaled;
      sums.b = fmaf(scaled, (number(v.v[k]) - mean) * inv_std, sums.b);
    }
  }
  sums = row_sums<Threads>(sums);
  if (!inside) return;
  const float share = 1.0f / static_cast<float>(vectors * V), mean_g = sums.a * share, mean_gx = sums.b * share;
  for (std::int64_t i = part.begin; i < vectors; i += Threads) {
    const Vec<T, V> v = load<V>(x, base + i), w = load<V>(weight, i), g = load<V>(dy, base + i);
    Vec<T, V> out;
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const float normal = (number(v.v[k]) - mean) * inv_std, scaled = number(g.v[k]) * number(w.v[k]);
      out.v[k] = stored<T>(inv_std * fmaf(-normal, mean_gx, scaled - mean_g));
    }
    store<V>(dx, base + i, out);
  }
}

// Rows are the items of the walk, columns its channels. Two blocks a multiprocessor are asked for because ptxas, left
// to itself, wants more of them than there are registers.
template <class Kind, class T>
__global__ void __launch_bounds__(walk_threads, 2)
    layer_norm_columns_kernel(const T* __restrict__ x, const T* __restrict__ means, const T* __restrict__ inv_stds,
                              const T* __restrict__ dy, ChannelWalk w, float* partial, unsigned* counters,
                              T* __restrict__ dweight, T* __restrict__ dbias) {
  constexpr int V = Kind::vector, K = Kind::channels;
  const Lane<Kind> lane(w);
  float g_sum[K] = {}, gx_sum[K] = {};
#pragma unroll 2
  for (std::int64_t item = lane.begin; item < lane.end; item += lane.step) {
    const std::int64_t at = lane.vector_at(w, item);
    const Vec<T, V> v = load<V>(x, at), g = load<V>(dy, at);
    const float mean = number(means[item]), inv_std = number(inv_stds[item]);
#pragma unroll
    for (int k = 0; k < V; ++k) {
      const float value = number(g.v[k]);
      g_sum[k % K] += value;
      gx_sum[k % K] = fmaf(value, (number(v.v[k]) - mean) * inv_std, gx_sum[k % K]);
    }
  }
  sum_channels(lane, w, gx_sum, g_sum, partial, counters, [&](std::int64_t column, float gx, float g) {
    dweight[column] = stored<T>(gx);
    dbias[column] = stored<T>(g);
  });
}

// Calls f(threads of a row, elements of a vector, vectors of a row, launch shape).
template <class T, class F>
static void with_rows(std::int64_t rows, std::int64_t length, bool fits, F&& f) {
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  const auto shaped = [&](auto threads, auto v) {
    constexpr int per_block = row_threads / threads();
    f(threads, v, length / v(), LaunchShape{{static_cast<unsigned>((rows + per_block - 1) / per_block)}, row_threads});
  };
  const auto with_threads = [&](auto v) {
    if (length / v() >= long_row)
      shaped(std::integral_constant<int, row_threads>{}, v);
    else
      shaped(std::integral_constant<int, 32>{}, v);
  };
  if (fits && length % vector == 0)
    with_threads(std::integral_constant<int, vector>{});
  else
    with_threads(std::integral_constant<int, 1>{});
}

LayerNormResult layer_norm(Context& c, const Tensor& x_any, const Tensor& weight_any, const Tensor& bias_any, int axes,
                           double eps) {
  check_layer_norm("layer_norm", x_any, weight_any, bias_any, axes);
  check_one_type("layer_norm", x_any, {&weight_any, &bias_any});
  const Tensor x = to_plain(c, x_any), weight = to_plain(c, weight_any), bias = to_plain(c, bias_any);
  const auto& dims = x.shape().dims();
  const Shape per_row(std::vector<std::int64_t>(dims.begin(), dims.end() - axes));
  LayerNormResult r;
  with_floating("layer_norm", x, [&](auto sample) {
    using T = decltype(sample);
    r = {empty(c, x.shape(), x.dtype()), empty(c, per_row, x.dtype()), empty(c, per_row, x.dtype())};
    if (x.numel() == 0) {  // there may be rows, of nothing
      fill_(c, r.mean, 0);
      fill_(c, r.inv_std, 0);
      return;
    }
    const std::int64_t length = weight.numel(), rows = x.numel() / length;
    const bool fits = aligned(pointer<T>(x), pointer<T>(weight), pointer<T>(bias), pointer<T>(r.y));
    const Cost cost{2.0 * static_cast<double>(x.bytes()), 9.0 * static_cast<double>(x.numel())};
    with_rows<T>(rows, length, fits, [&](auto threads, auto v, std::int64_t vectors, const LaunchShape& shape) {
      launch<layer_norm_kernel<threads(), v(), T>>(c, shape, cost, pointer<const T>(x), pointer<const T>(weight),
                                                   pointer<const T>(bias), pointer<T>(r.y), pointer<T>(r.mean),
                                                   pointer<T>(r.inv_std), rows, vectors, static_cast<float>(eps));
    });
  });
  return r;
}

template <class T>
static void parameter_gradients(Context& c, const Tensor& x, const Tensor& mean, const Tensor& inv_std,
                                const Tensor& dy, std::int64_t length, const LayerNormGrads& grads) {
  const Tensor matrix = x.reshaped({x.numel() / length, length});
  with_walk<T>(c, matrix, aligned(pointer<T>(x), pointer<T>(dy)), 2, [&](auto kind, const ChannelWalk& w) {
    using Kind = decltype(kind);
    if constexpr (Kind::last || Kind::vector == 1) {  // planes of one element hold no vectors
      const Tensor partial = empty(c, {2, w.splits, length}, DType::f32);
      const LaunchShape shape = shape_of(w, Kind::last, Kind::vector);
      launch<layer_norm_columns_kernel<Kind, T>>(
          c, shape,
          {2.0 * static_cast<double>(x.bytes() + partial.bytes()), 5.0 * static_cast<double>(x.numel())},
          pointer<const T>(x), pointer<const T>(mean), pointer<const T>(inv_std), pointer<const T>(dy), w,
          pointer<float>(partial), counters_for(c, w, shape), pointer<T>(grads.dweight), pointer<T>(grads.dbias));
    }
  });
}

LayerNormGrads layer_norm_backward(Context& c, const Tensor& x_any, const Tensor& weight_any, const Tensor& mean_any,
                                   const Tensor& inv_std_any, const Tensor& dy_any, int axes) {
  check_layer_norm_backward("layer_norm_backward", x_any, weight_any, mean_any, inv_std_any, dy_any, axes);
  check_one_type("layer_norm_backward", x_any, {&weight_any, &mean_any, &inv_std_any, &dy_any});
  const Tensor x = to_plain(c, x_any), weight = to_plain(c, weight_any), dy = to_plain(c, dy_any);
  const Tensor mean = to_plain(c, mean_any), inv_std = to_plain(c, inv_std_any);
  LayerNormGrads grads;
  with_floating("layer_norm_backward", x, [&](auto sample) {
    using T = decltype(sample);
    grads = {empty(c, x.shape(), x.dtype()), empty(c, weight.shape(), x.dtype()), empty(c, weight.shape(), x.dtype())};
    if (x.numel() == 0) {
      fill_(c, grads.dweight, 0);
      fill_(c, grads.dbias, 0);
      return;
    }
    const std::int64_t length = weight.numel(), rows = x.numel() / length;
    const bool fits = aligned(pointer<T>(x), pointer<T>(weight), pointer<T>(dy), pointer<T>(grads.dx));
    const Cost cost{3.0 * static_cast<double>(x.bytes()), 12.0 * static_cast<double>(x.numel())};
    with_rows<T>(rows, length, fits, [&](auto threads, auto v, std::int64_t vectors, const LaunchShape& shape) {
      launch<layer_norm_input_kernel<threads(), v(), T>>(
          c, shape, cost, pointer<const T>(x), pointer<const T>(weight), pointer<const T>(mean),
          pointer<const T>(inv_std), pointer<const T>(dy), pointer<T>(grads.dx), rows, vectors);
    });
    parameter_gradients<T>(c, x, mean, inv_std, dy, length, grads);
  });
  return grads;
}

}  // namespace engine::ENGINE_CUDA_NS

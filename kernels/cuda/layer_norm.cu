#include "kernels/cuda/layer_norm.h"

#include <algorithm>

#include "kernels/checks.h"
#include "kernels/cuda/dispatch.cuh"

namespace engine::ENGINE_CUDA_NS {

constexpr int column_lanes = 32, column_rows = 8;

/// Two sums over a block's threads, in a fixed order, known to all of them. Shuffles inside warps, then every thread
/// adds the warps' sums itself.
struct Pair {
  double first, second;
};
template <int threads>
__device__ __forceinline__ Pair block_sums(double first, double second, Pair* of_warp) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) {
    first += __shfl_xor_sync(0xFFFFFFFFu, first, mask);
    second += __shfl_xor_sync(0xFFFFFFFFu, second, mask);
  }
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = {first, second};
  __syncthreads();
  Pair total{0.0, 0.0};
#pragma unroll
  for (int w = 0; w < threads / 32; ++w) {
    total.first += of_warp[w].first;
    total.second += of_warp[w].second;
  }
  __syncthreads();  // before the next sums take the place
  return total;
}

// A block for each row. The row is read three times, twice of them from the cache: mean first, then deviations from it,
// because sums of squares lose their digits where the mean is large.
template <int threads, class T>
__global__ void __launch_bounds__(threads)
    layer_norm_kernel(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
                      T* __restrict__ y, T* __restrict__ mean_out, T* __restrict__ inv_std_out, std::int64_t n,
                      double eps) {
  SHARED(Pair, of_warp, [threads / 32]);
  const std::int64_t row = blockIdx.x;
  x += row * n;
  y += row * n;
  double sum = 0.0;
  for (std::int64_t i = threadIdx.x; i < n; i += threads) sum += static_cast<double>(number(x[i]));
  const double mean = block_sums<threads>(sum, 0.0, of_warp).first / static_cast<double>(n);
  double squares = 0.0;
  for (std::int64_t i = threadIdx.x; i < n; i += threads) {
    const double d = static_cast<double>(number(x[i])) - mean;
    squares += d * d;
  }
  squares = block_sums<threads>(squares, 0.0, of_warp).first;
  const double inv_std = 1.0 / sqrt(squares / static_cast<double>(n) + eps);
  const float scale = static_cast<float>(inv_std), high = static_cast<float>(mean);
  const float low = static_cast<float>(mean - static_cast<double>(high));  // what rounding took from the mean
  for (std::int64_t i = threadIdx.x; i < n; i += threads)
    y[i] = stored<T>(fmaf(((number(x[i]) - high) - low) * scale, number(weight[i]), number(bias[i])));
  if (threadIdx.x == 0) {
    mean_out[row] = stored<T>(high);
    inv_std_out[row] = stored<T>(scale);
  }
}

// dx = inv_std * (g - mean(g) - normal * mean(g * normal)), g = dy * weight.
template <int threads, class T>
__global__ void __launch_bounds__(threads)
    layer_norm_dx_kernel(const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ mean,
                         const T* __restrict__ inv_std, const T* __restrict__ dy, T* __restrict__ dx, std::int64_t n) {
  SHARED(Pair, of_warp, [threads / 32]);
  const std::int64_t row = blockIdx.x;
  x += row * n;
  dy += row * n;
  dx += row * n;
  const float centre = number(mean[row]), scale = number(inv_std[row]);
  double sum_g = 0.0, sum_gn = 0.0;
  for (std::int64_t i = threadIdx.x; i < n; i += threads) {
    const float g = number(dy[i]) * number(weight[i]), normal = (number(x[i]) - centre) * scale;
    sum_g += static_cast<double>(g);
    sum_gn += static_cast<double>(g) * static_cast<double>(normal);
  }
  const Pair sums = block_sums<threads>(sum_g, sum_gn, of_warp);
  const float mean_g = static_cast<float>(sums.first / static_cast<double>(n));
  const float mean_gn = static_cast<float>(sums.second / static_cast<double>(n));
  for (std::int64_t i = threadIdx.x; i < n; i += threads) {
    const float g = number(dy[i]) * number(weight[i]), normal = (number(x[i]) - centre) * scale;
    dx[i] = stored<T>(scale * (g - mean_g - normal * mean_gn));
  }
}

// Column sums of dy * normal and dy: a lane for each column, so that a warp reads lines; blockIdx.y takes a share of
// the rows.
template <class T>
__global__ void __launch_bounds__(column_lanes* column_rows)
    layer_norm_shares_kernel(const T* __restrict__ x, const T* __restrict__ mean, const T* __restrict__ inv_std,
                             const T* __restrict__ dy, Pair* __restrict__ shares, std::int64_t rows, std::int64_t n,
                             std::int64_t per_share) {
  SHARED(Pair, partial, [column_rows][column_lanes]);
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * column_lanes + threadIdx.x;
  const std::int64_t begin = blockIdx.y * per_share, end = min(begin + per_share, rows);
  Pair sum{0.0, 0.0};
  if (column < n)
    for (std::int64_t r = begin + threadIdx.y; r < end; r += column_rows) {
      const float g = number(dy[r * n + column]);
      const float normal = (number(x[r * n + column]) - number(mean[r])) * number(inv_std[r]);
      sum.first += static_cast<double>(g) * static_cast<double>(normal);
      sum.second += static_cast<double>(g);
    }
  partial[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || column >= n) return;
  Pair total{0.0, 0.0};
#pragma unroll
  for (int i = 0; i < column_rows; ++i) {
    total.first += partial[i][threadIdx.x].first;
    total.second += partial[i][threadIdx.x].second;
  }
  shares[blockIdx.y * n + column] = total;
}

template <class T>
__global__ void __launch_bounds__(256)
    layer_norm_parameters_kernel(const Pair* __restrict__ shares, T* __restrict__ dweight, T* __restrict__ dbias,
                                 std::int64_t n, int count) {
  const std::int64_t column = global_thread();
  if (column >= n) return;
  Pair total{0.0, 0.0};
  for (int s = 0; s < count; ++s) {
    total.first += shares[s * n + column].first;
    total.second += shares[s * n + column].second;
  }
  dweight[column] = stored<T>(static_cast<float>(total.first));
  dbias[column] = stored<T>(static_cast<float>(total.second));
}

// x as rows of n elements.
struct Rows {
  std::int64_t rows = 1, n = 1;
  Shape row_shape;

  Rows(const Tensor& x, int axes) {
    const auto& dims = x.shape().dims();
    const auto split = dims.end() - axes;
    row_shape = Shape(std::vector<std::int64_t>(dims.begin(), split));
    rows = row_shape.numel();
    n = Shape(std::vector<std::int64_t>(split, dims.end())).numel();
  }
};

LayerNormResult layer_norm(Context& c, const Tensor& x_any, const Tensor& weight_any, const Tensor& bias_any, int axes,
                           double eps) {
  check_layer_norm("layer_norm", x_any, weight_any, bias_any, axes);
  const Tensor x = to_plain(c, x_any), weight = to_plain(c, weight_any), bias = to_plain(c, bias_any);
  const Rows r(x, axes);
  LayerNormResult out{empty(c, x.shape(), x.dtype()), empty(c, r.row_shape, x.dtype()), empty(c, r.row_shape, x.dtype())};
  if (x.numel() == 0) return out;
  with_floating("layer_norm", x, [&](auto sample) {
    using T = decltype(sample);
    const Cost cost{2.0 * static_cast<double>(x.bytes()), 8.0 * static_cast<double>(x.numel())};
    const auto go = [&](auto kernel_threads) {
      constexpr int threads = kernel_threads();
      launch<layer_norm_kernel<threads, T>>(c, {static_cast<unsigned>(r.rows), static_cast<unsigned>(threads)}, cost,
                                            pointer<const T>(x), pointer<const T>(weight), pointer<const T>(bias),
                                            pointer<T>(out.y), pointer<T>(out.mean), pointer<T>(out.inv_std), r.n, eps);
    };
    if (r.n <= 256)
      go(std::integral_constant<int, 32>{});
    else
      go(std::integral_constant<int, 256>{});
  });
  return out;
}

LayerNormGrads layer_norm_backward(Context& c, const Tensor& x_any, const Tensor& weight_any, const Tensor& mean,
                                   const Tensor& inv_std, const Tensor& dy_any, int axes) {
  check_layer_norm_backward("layer_norm_backward", x_any, weight_any, mean, inv_std, dy_any, axes);
  const Tensor x = to_plain(c, x_any), weight = to_plain(c, weight_any), dy = to_plain(c, dy_any);
  const Rows r(x, axes);
  LayerNormGrads out{empty(c, x.shape(), x.dtype()), empty(c, weight.shape(), x.dtype()),
                     empty(c, weight.shape(), x.dtype())};
  if (r.n == 0) return out;
  with_floating("layer_norm_backward", x, [&](auto sample) {
    using T = decltype(sample);
    const auto n = static_cast<double>(x.numel());
    const auto go = [&](auto kernel_threads) {
      constexpr int threads = kernel_threads();
      launch<layer_norm_dx_kernel<threads, T>>(c, {static_cast<unsigned>(r.rows), static_cast<unsigned>(threads)},
                                               {3.0 * static_cast<double>(x.bytes()), 12.0 * n}, pointer<const T>(x),
                                               pointer<const T>(weight), pointer<const T>(mean),
                                               pointer<const T>(inv_std), pointer<const T>(dy), pointer<T>(out.dx), r.n);
    };
    if (r.rows > 0 && r.n <= 256) go(std::integral_constant<int, 32>{});
    if (r.rows > 0 && r.n > 256) go(std::integral_constant<int, 256>{});
    const std::int64_t columns = (r.n + column_lanes - 1) / column_lanes;
    const std::int64_t count = std::clamp<std::int64_t>(std::min(256 / columns, r.rows / 64), 1, 256);
    const Tensor shares = empty(c, {count * r.n * 2}, DType::f64);
    launch<layer_norm_shares_kernel<T>>(
        c, {{static_cast<unsigned>(columns), static_cast<unsigned>(count)}, {column_lanes, column_rows}},
        {2.0 * static_cast<double>(x.bytes()), 5.0 * n}, pointer<const T>(x), pointer<const T>(mean),
        pointer<const T>(inv_std), pointer<const T>(dy), pointer<Pair>(shares), r.rows, r.n, (r.rows + count - 1) / count);
    launch<layer_norm_parameters_kernel<T>>(c, {static_cast<unsigned>((r.n + 255) / 256), 256u},
                                            {static_cast<double>(shares.bytes()), 0}, pointer<const Pair>(shares),
                                            pointer<T>(out.dweight), pointer<T>(out.dbias), r.n, static_cast<int>(count));
  });
  return out;
}

}  // namespace engine::ENGINE_CUDA_NS

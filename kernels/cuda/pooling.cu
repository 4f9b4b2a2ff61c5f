// Forward and backward both gather: each element of a result is written by one thread, which reads all that it depends
// on, mostly from L1 and L2. So no sum depends on the order in which threads run. Four blocks a multiprocessor are
// asked for because left alone ptxas spills to fit five or six.
#include "kernels/cuda/pooling.h"

#include "kernels/checks.h"
#include "kernels/cuda/pixel_sums.h"
#include "kernels/cuda/pooling_lines.cuh"

namespace engine::ENGINE_CUDA_NS {

// ---- maximum ------------------------------------------------------------------------------------------------------

template <class T, int V>
__global__ void __launch_bounds__(256, 4)
    max_pool_kernel(const T* __restrict__ x, T* __restrict__ y, std::uint8_t* __restrict__ argmax, std::uint32_t n,
                    VectorGrid grid, PoolingLine rows, PoolingLine columns) {
  for (std::uint32_t i = static_cast<std::uint32_t>(global_thread()); i < n;
       i += static_cast<std::uint32_t>(global_threads())) {
    const Place p = grid(i);
    const Window r = rows.window(p.y), s = columns.window(p.x);
    const int vectors = static_cast<int>(grid.vectors.divisor), pitch = columns.in * vectors;
    // A window of nothing but -inf has its maximum at its first input.
    const int first = (r.begin - r.origin) * columns.kernel + s.begin - s.origin;
    float best[V];
    int at[V];
#pragma unroll
    for (int k = 0; k < V; ++k) best[k] = -INFINITY, at[k] = first;
    for (int iy = r.begin; iy < r.end; ++iy) {
      const int line = (p.image * rows.in + iy) * pitch + p.vector;
      const int position = (iy - r.origin) * columns.kernel - s.origin;
      for (int ix = s.begin; ix < s.end; ++ix) {
        const Vec<T, V> v = load<V>(x, line + ix * vectors);
#pragma unroll
        for (int k = 0; k < V; ++k) {
          const float value = number(v.v[k]);
          const bool wins = value > best[k] || value != value;  // a NaN wins over all before it
          best[k] = wins ? value : best[k];
          at[k] = wins ? position + ix : at[k];
        }
      }
    }
    store<V>(y, i, stored_vector<T>(best));
    Vec<std::uint8_t, V> positions;
#pragma unroll
    for (int k = 0; k < V; ++k) positions.v[k] = static_cast<std::uint8_t>(at[k]);
    store<V>(argmax, i, positions);
  }
}

template <class T, int V>
__global__ void __launch_bounds__(256, 4)
    max_pool_backward_kernel(const T* __restrict__ dy, const std::uint8_t* __restrict__ argmax, T* __restrict__ dx,
                             std::uint32_t n, VectorGrid grid, PoolingLine rows, PoolingLine columns) {
  for (std::uint32_t i = static_cast<std::uint32_t>(global_thread()); i < n;
       i += static_cast<std::uint32_t>(global_threads())) {
    const Place p = grid(i);
    const Range r = rows.cover(p.y), s = columns.cover(p.x);
    const int vectors = static_cast<int>(grid.vectors.divisor);
    float sum[V] = {};
    for (int oy = r.begin; oy < r.end; ++oy) {
      const int ky = p.y - rows.window(oy).origin;
      for (int ox = s.begin; ox < s.end; ++ox) {
        const int position = ky * columns.kernel + p.x - columns.window(ox).origin;
        const int from = ((p.image * rows.out + oy) * columns.out + ox) * vectors + p.vector;
        const Vec<std::uint8_t, V> at = load<V>(argmax, from);
        const Vec<T, V> v = load<V>(dy, from);
#pragma unroll
        for (int k = 0; k < V; ++k) sum[k] += at.v[k] == position ? number(v.v[k]) : 0.0f;
      }
    }
    store<V>(dx, i, stored_vector<T>(sum));
  }
}

MaxPoolResult max_pool2d(Context& c, const Tensor& x, const Pool2dParams& p) {
  check_max_pool(p);
  const Shape shape = pool2d_output_shape(x.shape(), p);
  const bool last = channels_last(x);
  MaxPoolResult r{empty_map(c, shape, x.dtype(), last), empty_map(c, shape, DType::u8, last)};
  with_floating("max_pool2d", x, [&](auto sample) {
    using T = decltype(sample);
    if (shape.numel() == 0) return;
    const T* from = pointer<const T>(x);
    T* to = pointer<T>(r.y);
    std::uint8_t* argmax = pointer<std::uint8_t>(r.argmax);
    const PoolingLine rows = rows_of(p, x.shape(), shape), columns = columns_of(p, x.shape(), shape);
    const Cost cost{static_cast<double>(x.bytes() + r.y.bytes() + r.argmax.bytes()),
                    static_cast<double>(shape.numel() * p.kernel[0] * p.kernel[1])};
    gather<T>(map_view(x.shape(), last), map_view(shape, last), aligned(from, to, argmax),
              [&](auto vector, const VectorGrid& grid, std::uint32_t n, std::int64_t at_x, std::int64_t at_y) {
                launch<max_pool_kernel<T, vector()>>(c, c.grid_stride(n), cost, from + at_x, to + at_y, argmax + at_y,
                                                     n, grid, rows, columns);
              });
  });
  return r;
}

Tensor max_pool2d_backward(Context& c, const Tensor& dy_any, const Tensor& argmax, const Shape& input,
                           const Pool2dParams& p) {
  check_max_pool(p);
  const Shape shape = pool2d_output_shape(input, p);
  check_shape("max_pool2d_backward", "dy", dy_any, shape);
  check_shape("max_pool2d_backward", "argmax", argmax, shape);
  if (argmax.dtype() != DType::u8) throw UsageError("max_pool2d_backward: {} is no argmax", argmax.str());
  const Tensor dy = in_layout_of(c, dy_any, argmax);
  const bool last = wants_channels_last(argmax);
  Tensor dx = empty_map(c, input, dy.dtype(), last);
  with_floating("max_pool2d_backward", dy, [&](auto sample) {
    using T = decltype(sample);
    if (dx.numel() == 0) return;
    const T* from = pointer<const T>(dy);
    const std::uint8_t* positions = pointer<const std::uint8_t>(argmax);
    T* to = pointer<T>(dx);
    const PoolingLine rows = rows_of(p, input, shape), columns = columns_of(p, input, shape);
    const Cost cost{static_cast<double>(dy.bytes() + argmax.bytes() + dx.bytes()),
                    static_cast<double>(shape.numel() * p.kernel[0] * p.kernel[1])};
    gather<T>(map_view(shape, last), map_view(input, last), aligned(from, to, positions),
              [&](auto vector, const VectorGrid& grid, std::uint32_t n, std::int64_t at_y, std::int64_t at_x) {
                launch<max_pool_backward_kernel<T, vector()>>(c, c.grid_stride(n), cost, from + at_y, positions + at_y,
                                                              to + at_x, n, grid, rows, columns);
              });
  });
  return dx;
}

// ---- average ------------------------------------------------------------------------------------------------------

template <class T, int V, class Line>
__global__ void __launch_bounds__(256, 4)
    average_kernel(const T* __restrict__ x, T* __restrict__ y, std::uint32_t n, VectorGrid grid, int height, int width,
                   Line rows, Line columns) {
  for (std::uint32_t i = static_cast<std::uint32_t>(global_thread()); i < n;
       i += static_cast<std::uint32_t>(global_threads())) {
    const Place p = grid(i);
    const Window r = rows.window(p.y), s = columns.window(p.x);
    const int vectors = static_cast<int>(grid.vectors.divisor);
    float sum[V] = {};
    for (int iy = r.begin; iy < r.end; ++iy)
      for (int ix = s.begin; ix < s.end; ++ix)
        add_vector(sum, load<V>(x, ((p.image * height + iy) * width + ix) * vectors + p.vector), 1.0f);
    store<V>(y, i, stored_vector<T>(sum, static_cast<float>(r.count) * static_cast<float>(s.count)));
  }
}

template <class T, int V, class Line>
__global__ void __launch_bounds__(256, 4)
    average_backward_kernel(const T* __restrict__ dy, T* __restrict__ dx, std::uint32_t n, VectorGrid grid, int height,
                            int width, Line rows, Line columns) {
  for (std::uint32_t i = static_cast<std::uint32_t>(global_thread()); i < n;
       i += static_cast<std::uint32_t>(global_threads())) {
    const Place p = grid(i);
    const Range r = rows.cover(p.y), s = columns.cover(p.x);
    const int vectors = static_cast<int>(grid.vectors.divisor);
    float sum[V] = {};
    for (int oy = r.begin; oy < r.end; ++oy) {
      const float count = static_cast<float>(rows.window(oy).count);
      for (int ox = s.begin; ox < s.end; ++ox) {
        const float share = 1.0f / (count * static_cast<float>(columns.window(ox).count));
        add_vector(sum, load<V>(dy, ((p.image * height + oy) * width + ox) * vectors + p.vector), share);
      }
    }
    store<V>(dx, i, stored_vector<T>(sum));
  }
}

template <class Line>
static Tensor average(Context& c, std::string_view op, const Tensor& x, const Shape& shape, const Line& rows,
                      const Line& columns) {
  const bool last = wants_channels_last(x);
  Tensor y = empty_map(c, shape, x.dtype(), last);
  with_floating(op, x, [&](auto sample) {
    using T = decltype(sample);
    if (y.numel() == 0) return;
    const T* from = pointer<const T>(x);
    T* to = pointer<T>(y);
    const Cost cost{static_cast<double>(x.bytes() + y.bytes()), static_cast<double>(x.numel() + y.numel())};
    const int height = static_cast<int>(x.dim(2)), width = static_cast<int>(x.dim(3));
    gather<T>(map_view(x.shape(), last), map_view(shape, last), aligned(from, to),
              [&](auto vector, const VectorGrid& grid, std::uint32_t n, std::int64_t at_x, std::int64_t at_y) {
                launch<average_kernel<T, vector(), Line>>(c, c.grid_stride(n), cost, from + at_x, to + at_y, n, grid,
                                                          height, width, rows, columns);
              });
  });
  return y;
}

template <class Line>
static Tensor average_backward(Context& c, std::string_view op, const Tensor& dy, const Shape& input, const Line& rows,
                               const Line& columns) {
  const bool last = wants_channels_last(dy);
  Tensor dx = empty_map(c, input, dy.dtype(), last);
  with_floating(op, dy, [&](auto sample) {
    using T = decltype(sample);
    if (dx.numel() == 0) return;
    const T* from = pointer<const T>(dy);
    T* to = pointer<T>(dx);
    const Cost cost{static_cast<double>(dy.bytes() + dx.bytes()), static_cast<double>(dy.numel() + dx.numel())};
    const int height = static_cast<int>(dy.dim(2)), width = static_cast<int>(dy.dim(3));
    gather<T>(map_view(dy.shape(), last), map_view(input, last), aligned(from, to),
              [&](auto vector, const VectorGrid& grid, std::uint32_t n, std::int64_t at_y, std::int64_t at_x) {
                launch<average_backward_kernel<T, vector(), Line>>(c, c.grid_stride(n), cost, from + at_y, to + at_x, n,
                                                                   grid, height, width, rows, columns);
              });
  });
  return dx;
}

Tensor avg_pool2d(Context& c, const Tensor& x, const Pool2dParams& p) {
  const Shape shape = pool2d_output_shape(x.shape(), p);
  return average(c, "avg_pool2d", x, shape, rows_of(p, x.shape(), shape), columns_of(p, x.shape(), shape));
}

Tensor avg_pool2d_backward(Context& c, const Tensor& dy, const Shape& input, const Pool2dParams& p) {
  const Shape shape = pool2d_output_shape(input, p);
  check_shape("avg_pool2d_backward", "dy", dy, shape);
  return average_backward(c, "avg_pool2d_backward", dy, input, rows_of(p, input, shape), columns_of(p, input, shape));
}

Tensor adaptive_avg_pool2d(Context& c, const Tensor& x, std::int64_t height, std::int64_t width) {
  check_map("adaptive_avg_pool2d", x.shape());
  if (height < 1 || width < 1) throw UsageError("adaptive_avg_pool2d: cannot make a {}x{} map", height, width);
  const Shape shape{x.dim(0), x.dim(1), height, width};
  if (height == 1 && width == 1 && x.dim(2) * x.dim(3) > 1) {
    Tensor y = empty(c, shape, x.dtype());
    sum_pixels(c, x, static_cast<double>(x.dim(2) * x.dim(3)), y);
    return y;
  }
  return average(c, "adaptive_avg_pool2d", x, shape, AdaptiveLine(x.dim(2), height), AdaptiveLine(x.dim(3), width));
}

Tensor adaptive_avg_pool2d_backward(Context& c, const Tensor& dy, const Shape& input) {
  check_map_backward("adaptive_avg_pool2d_backward", dy, input);
  return average_backward(c, "adaptive_avg_pool2d_backward", dy, input, AdaptiveLine(input[2], dy.dim(2)),
                          AdaptiveLine(input[3], dy.dim(3)));
}

}  // namespace engine::ENGINE_CUDA_NS

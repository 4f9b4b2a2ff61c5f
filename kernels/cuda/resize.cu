#include "kernels/cuda/resize.h"

#include "kernels/checks.h"
#include "kernels/cuda/maps.cuh"
#include "kernels/cuda/pixel_sums.h"

namespace engine::ENGINE_CUDA_NS {

// Output o lies between inputs `low` and `high`, `weight` of the way towards `high`.
struct Between {
  int low, high;
  float weight;
};

// One dimension. Output o is at ((2 o + 1) in - out) / (2 out) between inputs: in whole numbers, as a float would be
// off by more than a weight may be.
struct ResizeLine {
  Divisor<std::uint32_t> in, out, twice_in, twice_out;

  ResizeLine(std::int64_t in_, std::int64_t out_)
      : in(static_cast<std::uint32_t>(in_)),
        out(static_cast<std::uint32_t>(out_)),
        twice_in(static_cast<std::uint32_t>(2 * in_)),
        twice_out(static_cast<std::uint32_t>(2 * out_)) {
    if (2 * (in_ + 2) * (out_ + 2) > most_indices)
      throw UsageError("resize_bilinear: lines of {} and {} positions are too long", in_, out_);
  }
  __device__ __forceinline__ Between between(int o) const {
    const int inputs = static_cast<int>(in.divisor), outputs = static_cast<int>(out.divisor);
    const int at = max((2 * o + 1) * inputs - outputs, 0);
    const auto [low, rest] = twice_out(static_cast<std::uint32_t>(at));
    return {static_cast<int>(low), min(static_cast<int>(low) + 1, inputs - 1),
            static_cast<float>(rest) / static_cast<float>(2 * outputs)};
  }
  // Outputs strictly between inputs i - 1 and i + 1: those that read input i with a weight. No output lies a whole step
  // beyond the outermost inputs.
  __device__ __forceinline__ Range cover(int i) const {
    const int inputs = static_cast<int>(in.divisor), outputs = static_cast<int>(out.divisor);
    const int before = (2 * i - 1) * outputs - inputs, after = (2 * i + 3) * outputs - inputs;
    const int begin = before < 0 ? 0 : static_cast<int>(twice_in(static_cast<std::uint32_t>(before)).quotient) + 1;
    if (after <= 0) return {begin, 0};
    const int end = static_cast<int>(twice_in(static_cast<std::uint32_t>(after + 2 * inputs - 1)).quotient);
    return {begin, min(end, outputs)};
  }
  // What output o adds to input i.
  __device__ __forceinline__ float share(int o, int i) const {
    const Between b = between(o);
    return (b.low == i ? 1.0f - b.weight : 0.0f) + (b.high == i ? b.weight : 0.0f);
  }
};

template <class T, int V>
__global__ void __launch_bounds__(256, 4) resize_kernel(const T* __restrict__ x, T* __restrict__ y, std::uint32_t n,
                                                        VectorGrid grid, ResizeLine rows, ResizeLine columns) {
  for (std::uint32_t i = static_cast<std::uint32_t>(global_thread()); i < n;
       i += static_cast<std::uint32_t>(global_threads())) {
    const Place p = grid(i);
    const Between r = rows.between(p.y), s = columns.between(p.x);
    const int vectors = static_cast<int>(grid.vectors.divisor), width = static_cast<int>(columns.in.divisor);
    const int top = (p.image * static_cast<int>(rows.in.divisor) + r.low) * width;
    const int bottom = top + (r.high - r.low) * width;
    const auto at = [&](int row, int column) { return load<V>(x, (row + column) * vectors + p.vector); };
    float sum[V] = {};
    add_vector(sum, at(top, s.low), (1.0f - r.weight) * (1.0f - s.weight));
    add_vector(sum, at(top, s.high), (1.0f - r.weight) * s.weight);
    add_vector(sum, at(bottom, s.low), r.weight * (1.0f - s.weight));
    add_vector(sum, at(bottom, s.high), r.weight * s.weight);
    store<V>(y, i, stored_vector<T>(sum));
  }
}

// Gathers what every output near an input adds to it: four times as many reads as dy has elements, from L1 and L2 for
// the most part, and no atomics.
template <class T, int V>
__global__ void __launch_bounds__(256, 4)
    resize_backward_kernel(const T* __restrict__ dy, T* __restrict__ dx, std::uint32_t n, VectorGrid grid,
                           ResizeLine rows, ResizeLine columns) {
  for (std::uint32_t i = static_cast<std::uint32_t>(global_thread()); i < n;
       i += static_cast<std::uint32_t>(global_threads())) {
    const Place p = grid(i);
    const Range r = rows.cover(p.y), s = columns.cover(p.x);
    const int vectors = static_cast<int>(grid.vectors.divisor), width = static_cast<int>(columns.out.divisor);
    float sum[V] = {};
    for (int oy = r.begin; oy < r.end; ++oy) {
      const float of_row = rows.share(oy, p.y);
      const int line = (p.image * static_cast<int>(rows.out.divisor) + oy) * width;
      for (int ox = s.begin; ox < s.end; ++ox)
        add_vector(sum, load<V>(dy, (line + ox) * vectors + p.vector), of_row * columns.share(ox, p.x));
    }
    store<V>(dx, i, stored_vector<T>(sum));
  }
}

Tensor resize_bilinear(Context& c, const Tensor& x, std::int64_t height, std::int64_t width) {
  check_map("resize_bilinear", x.shape());
  if (height < 1 || width < 1) throw UsageError("resize_bilinear: cannot make a {}x{} map", height, width);
  const Shape shape{x.dim(0), x.dim(1), height, width};
  const ResizeLine rows(x.dim(2), height), columns(x.dim(3), width);
  const bool last = wants_channels_last(x);
  Tensor y = empty_map(c, shape, x.dtype(), last);
  with_floating("resize_bilinear", x, [&](auto sample) {
    using T = decltype(sample);
    if (y.numel() == 0) return;
    const T* from = pointer<const T>(x);
    T* to = pointer<T>(y);
    const Cost cost{static_cast<double>(x.bytes() + y.bytes()), 8.0 * static_cast<double>(y.numel())};
    gather<T>(map_view(x.shape(), last), map_view(shape, last), aligned(from, to),
              [&](auto vector, const VectorGrid& grid, std::uint32_t n, std::int64_t at_x, std::int64_t at_y) {
                launch<resize_kernel<T, vector()>>(c, c.grid_stride(n), cost, from + at_x, to + at_y, n, grid, rows,
                                                   columns);
              });
  });
  return y;
}

Tensor resize_bilinear_backward(Context& c, const Tensor& dy, const Shape& input) {
  check_map_backward("resize_bilinear_backward", dy, input);
  const ResizeLine rows(input[2], dy.dim(2)), columns(input[3], dy.dim(3));
  if (input[2] * input[3] == 1 && dy.dim(2) * dy.dim(3) > 1) {  // the gradient of one pixel is the sum of all
    Tensor dx = empty(c, input, dy.dtype());
    sum_pixels(c, dy, 1.0, dx);
    return dx;
  }
  const bool last = wants_channels_last(dy);
  Tensor dx = empty_map(c, input, dy.dtype(), last);
  with_floating("resize_bilinear_backward", dy, [&](auto sample) {
    using T = decltype(sample);
    if (dx.numel() == 0) return;
    const T* from = pointer<const T>(dy);
    T* to = pointer<T>(dx);
    const Cost cost{static_cast<double>(dy.bytes() + dx.bytes()), 8.0 * static_cast<double>(dy.numel())};
    gather<T>(map_view(dy.shape(), last), map_view(input, last), aligned(from, to),
              [&](auto vector, const VectorGrid& grid, std::uint32_t n, std::int64_t at_y, std::int64_t at_x) {
                launch<resize_backward_kernel<T, vector()>>(c, c.grid_stride(n), cost, from + at_y, to + at_x, n, grid,
                                                            rows, columns);
              });
  });
  return dx;
}

}  // namespace engine::ENGINE_CUDA_NS

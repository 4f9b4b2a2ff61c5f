// Bilinear resizing of planes, over all channels of a block at once.
#include <algorithm>

#include "engine/tensor/multiversion.h"
#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/support.h"
#include "kernels/cpu/vector_math.h"

namespace engine {
namespace {

// An output lies between the inputs `low` and `high`.
struct Between {
  std::int64_t low, high;
  float low_weight, high_weight;
};

std::vector<Between> line(std::int64_t in, std::int64_t out) {
  std::vector<Between> all;
  for (std::int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5;
    const double position = std::max(centre, 0.0);
    const auto low = std::min(static_cast<std::int64_t>(position), in - 1);
    const double weight = std::min(position - static_cast<double>(low), 1.0);
    all.push_back({low, std::min(low + 1, in - 1), static_cast<float>(1.0 - weight), static_cast<float>(weight)});
  }
  return all;
}

// The rows and columns of one plane; the small plane is x (or dx), the other y (or dy).
struct Geometry {
  std::vector<Between> rows, columns;
  std::int64_t in_width;
};

// Calls f(index in the result, indices of its four inputs, their weights) for each position of an output row.
template <class F>
ENGINE_INLINE void for_each_position(const Geometry& g, std::size_t row, F f) {
  const Between v = g.rows[row];
  for (std::size_t o = 0; o < g.columns.size(); ++o) {
    const Between h = g.columns[o];
    f(row * g.columns.size() + o, v.low * g.in_width + h.low, v.low * g.in_width + h.high, v.high * g.in_width + h.low,
      v.high * g.in_width + h.high, v.low_weight * h.low_weight, v.low_weight * h.high_weight,
      v.high_weight * h.low_weight, v.high_weight * h.high_weight);
  }
}

ENGINE_MULTIVERSION
void resize_plane(const Geometry& g, const float* x, float* y, std::int64_t lanes) {
  for (std::size_t row = 0; row < g.rows.size(); ++row)
    for_each_position(g, row, [&](std::size_t out, auto a, auto b, auto c, auto d, auto wa, auto wb, auto wc, auto wd) {
      float* to = y + static_cast<std::int64_t>(out) * lanes;
      for (std::int64_t l = 0; l < lanes; ++l)
        to[l] = wa * x[a * lanes + l] + wb * x[b * lanes + l] + wc * x[c * lanes + l] + wd * x[d * lanes + l];
    });
}

ENGINE_MULTIVERSION
void resize_plane_backward(const Geometry& g, const float* dy, float* dx, std::int64_t lanes) {
  for (std::size_t row = 0; row < g.rows.size(); ++row)
    for_each_position(g, row, [&](std::size_t out, auto a, auto b, auto c, auto d, auto wa, auto wb, auto wc, auto wd) {
      const float* from = dy + static_cast<std::int64_t>(out) * lanes;
      for (std::int64_t l = 0; l < lanes; ++l) {
        // One after the other: at an edge two of the four are the same input.
        dx[a * lanes + l] += wa * from[l];
        dx[b * lanes + l] += wb * from[l];
        dx[c * lanes + l] += wc * from[l];
        dx[d * lanes + l] += wd * from[l];
      }
    });
}

// Calls f(offset of a plane of x, of a plane of y) for every image and channel block.
template <class F>
void for_each_plane(const Tensor& x, const Tensor& y, F&& f) {
  const std::int64_t lanes = cpu::block_of(x), planes = x.dim(0) * cpu::padded_channels(x) / lanes;
  const std::int64_t x_plane = x.dim(2) * x.dim(3) * lanes, y_plane = y.dim(2) * y.dim(3) * lanes;
  cpu::parallel_for(planes, cpu::elementwise_grain / (x_plane + y_plane), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(i * x_plane, i * y_plane);
  });
}

}  // namespace

Tensor CpuBackend::do_resize_bilinear(const Tensor& x, std::int64_t height, std::int64_t width) {
  cpu::require_f32("resize_bilinear", x);
  check_map("resize_bilinear", x.shape());
  if (height < 1 || width < 1) throw UsageError("resize_bilinear: cannot make a {}x{} map", height, width);
  Tensor y = cpu::empty_like(x, {x.dim(0), x.dim(1), height, width}, DType::f32);
  const Geometry g{line(x.dim(2), height), line(x.dim(3), width), x.dim(3)};
  const float* from = x.data<float>();
  float* to = y.data<float>();
  for_each_plane(x, y, [&](std::int64_t x_at, std::int64_t y_at) {
    resize_plane(g, from + x_at, to + y_at, cpu::block_of(x));
  });
  return y;
}

Tensor CpuBackend::do_resize_bilinear_backward(const Tensor& dy, const Shape& input) {
  cpu::require_f32("resize_bilinear_backward", dy);
  check_map_backward("resize_bilinear_backward", dy, input);
  Tensor dx = cpu::empty_like(dy, input, DType::f32);
  const Geometry g{line(input[2], dy.dim(2)), line(input[3], dy.dim(3)), input[3]};
  const float* from = dy.data<float>();
  float* to = dx.data<float>();
  const std::int64_t plane = input[2] * input[3] * cpu::block_of(dx);
  for_each_plane(dx, dy, [&](std::int64_t x_at, std::int64_t y_at) {
    std::fill_n(to + x_at, plane, 0.0f);
    resize_plane_backward(g, from + y_at, to + x_at, cpu::block_of(dx));
  });
  return dx;
}

}  // namespace engine

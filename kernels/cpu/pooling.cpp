// Pooling over planes of one image and one channel block. Forward and backward both gather: every row of a result is
// written by one thread, so the bits do not depend on the number of threads.
#include <algorithm>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/pooling_loops.h"
#include "kernels/cpu/support.h"

namespace engine {
namespace {

using cpu::Cover;
using cpu::Window;

// The windows along one dimension.
struct Line {
  std::vector<Window> windows;
  std::vector<Cover> covers;

  Line(std::vector<Window> w, std::int64_t in)
      : windows(std::move(w)), covers(static_cast<std::size_t>(in), Cover{0, 0}) {
    for (std::size_t o = 0; o < windows.size(); ++o)
      for (std::int64_t i = windows[o].begin; i < windows[o].end; ++i) {
        Cover& cover = covers[static_cast<std::size_t>(i)];
        const auto here = static_cast<std::int64_t>(o);
        if (cover.end == 0) cover.begin = here;
        cover.end = here + 1;
      }
  }
  /// Whether a window lies wholly in the padding behind the input.
  bool has_empty_window() const { return windows.back().begin >= windows.back().end; }
};

Line pooling_line(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t before,
                  std::int64_t after, bool count_padding) {
  std::vector<Window> windows;
  for (std::int64_t o = 0; o < out; ++o) {
    const std::int64_t origin = o * stride - before;
    const std::int64_t begin = std::max<std::int64_t>(origin, 0), end = std::min(origin + kernel, in);
    const std::int64_t count = count_padding ? std::min(origin + kernel, in + after) - origin : end - begin;
    windows.push_back({origin, begin, end, count});
  }
  return {std::move(windows), in};
}

Line adaptive_line(std::int64_t in, std::int64_t out) {
  std::vector<Window> windows;
  for (std::int64_t o = 0; o < out; ++o) {
    const std::int64_t begin = o * in / out, end = ((o + 1) * in + out - 1) / out;
    windows.push_back({begin, begin, end, end - begin});
  }
  return {std::move(windows), in};
}

struct Plan {
  Line rows, columns;
  std::int64_t kernel_width = 0;

  static Plan of(const Pool2dParams& p, const Shape& x, const Shape& y) {
    const Padding2d& pad = p.padding;
    return {pooling_line(x[2], y[2], p.kernel[0], p.stride[0], pad.top, pad.bottom, p.count_include_pad),
            pooling_line(x[3], y[3], p.kernel[1], p.stride[1], pad.left, pad.right, p.count_include_pad), p.kernel[1]};
  }
  static Plan adaptive(const Shape& x, const Shape& y) {
    return {adaptive_line(x[2], y[2]), adaptive_line(x[3], y[3])};
  }
  cpu::Windows windows(int lanes) const {
    return {rows.windows.data(),
            columns.windows.data(),
            rows.covers.data(),
            columns.covers.data(),
            static_cast<std::int64_t>(columns.windows.size()),
            static_cast<std::int64_t>(columns.covers.size()),
            kernel_width,
            lanes};
  }
};

// Calls f(offset of the row's plane in `source`, row, offset of the row in `result`) for every row of `result`.
template <class F>
void for_each_row(const Tensor& source, const Tensor& result, F&& f) {
  const std::int64_t lanes = cpu::block_of(result), height = result.dim(2), row_size = result.dim(3) * lanes;
  const std::int64_t source_plane = source.dim(2) * source.dim(3) * lanes;
  const std::int64_t rows = result.dim(0) * cpu::padded_channels(result) / lanes * height;
  if (source.numel() == 0 || result.numel() == 0) return;
  cpu::parallel_for(rows, cpu::elementwise_grain / row_size, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(i / height * source_plane, i % height, i * row_size);
  });
}

Tensor average(const Tensor& x, const Plan& plan, const Shape& shape) {
  Tensor y = cpu::empty_like(x, shape, DType::f32);
  const cpu::Windows w = plan.windows(cpu::block_of(x));
  const float* from = x.data<float>();
  float* to = y.data<float>();
  for_each_row(x, y, [&](std::int64_t plane, std::int64_t row, std::int64_t at) {
    cpu::average_row(w, row, from + plane, to + at);
  });
  return y;
}

Tensor average_backward(const Tensor& dy, const Plan& plan, const Shape& input) {
  Tensor dx = cpu::empty_like(dy, input, DType::f32);
  const cpu::Windows w = plan.windows(cpu::block_of(dy));
  const float* from = dy.data<float>();
  float* to = dx.data<float>();
  for_each_row(dy, dx, [&](std::int64_t plane, std::int64_t row, std::int64_t at) {
    cpu::average_row_backward(w, row, from + plane, to + at);
  });
  return dx;
}

}  // namespace

MaxPoolResult CpuBackend::do_max_pool2d(const Tensor& x, const Pool2dParams& p) {
  cpu::require_f32("max_pool2d", x);
  check_max_pool(p);
  const Shape shape = pool2d_output_shape(x.shape(), p);
  MaxPoolResult r{cpu::empty_like(x, shape, DType::f32), cpu::empty_like(x, shape, DType::u8)};
  const Plan plan = Plan::of(p, x.shape(), shape);
  const cpu::Windows w = plan.windows(cpu::block_of(x));
  const float* from = x.data<float>();
  float* to = r.y.data<float>();
  std::uint8_t* argmax = r.argmax.data<std::uint8_t>();
  for_each_row(x, r.y, [&](std::int64_t plane, std::int64_t row, std::int64_t at) {
    cpu::max_pool_row(w, row, from + plane, to + at, argmax + at);
  });
  if (plan.rows.has_empty_window() || plan.columns.has_empty_window()) cpu::zero_padding(r.y);  // it holds -inf
  return r;
}

Tensor CpuBackend::do_max_pool2d_backward(const Tensor& dy_any, const Tensor& argmax, const Shape& input,
                                          const Pool2dParams& p) {
  cpu::require_f32("max_pool2d_backward", dy_any);
  check_max_pool(p);
  check_shape("max_pool2d_backward", "dy", dy_any, pool2d_output_shape(input, p));
  check_shape("max_pool2d_backward", "argmax", argmax, dy_any.shape());
  const Tensor dy = cpu::in_layout_of(dy_any, argmax);
  Tensor dx = cpu::empty_like(dy, input, DType::f32);
  const Plan plan = Plan::of(p, input, dy.shape());
  const cpu::Windows w = plan.windows(cpu::block_of(dy));
  const float* from = dy.data<float>();
  const std::uint8_t* positions = argmax.data<std::uint8_t>();
  float* to = dx.data<float>();
  for_each_row(dy, dx, [&](std::int64_t plane, std::int64_t row, std::int64_t at) {
    static thread_local std::vector<std::int32_t> scratch;
    scratch.resize(static_cast<std::size_t>(w.out_width * w.lanes));
    cpu::max_pool_row_backward(w, row, from + plane, positions + plane, scratch.data(), to + at);
  });
  return dx;
}

Tensor CpuBackend::do_avg_pool2d(const Tensor& x, const Pool2dParams& p) {
  cpu::require_f32("avg_pool2d", x);
  const Shape shape = pool2d_output_shape(x.shape(), p);
  return average(x, Plan::of(p, x.shape(), shape), shape);
}

Tensor CpuBackend::do_avg_pool2d_backward(const Tensor& dy, const Shape& input, const Pool2dParams& p) {
  cpu::require_f32("avg_pool2d_backward", dy);
  check_shape("avg_pool2d_backward", "dy", dy, pool2d_output_shape(input, p));
  return average_backward(dy, Plan::of(p, input, dy.shape()), input);
}

Tensor CpuBackend::do_adaptive_avg_pool2d(const Tensor& x, std::int64_t height, std::int64_t width) {
  cpu::require_f32("adaptive_avg_pool2d", x);
  check_map("adaptive_avg_pool2d", x.shape());
  if (height < 1 || width < 1) throw UsageError("adaptive_avg_pool2d: cannot make a {}x{} map", height, width);
  const Shape shape{x.dim(0), x.dim(1), height, width};
  if (height == 1 && width == 1) return do_mean(x, {2, 3}, true);
  return average(x, Plan::adaptive(x.shape(), shape), shape);
}

Tensor CpuBackend::do_adaptive_avg_pool2d_backward(const Tensor& dy_any, const Shape& input) {
  cpu::require_f32("adaptive_avg_pool2d_backward", dy_any);
  check_map_backward("adaptive_avg_pool2d_backward", dy_any, input);
  // The head of a network works in plain layout, the features before its global average are blocked: a vector of
  // channels is cheap to rearrange, the map it becomes is not.
  const bool global = dy_any.dim(2) * dy_any.dim(3) == 1 && input[1] >= cpu::channel_block();
  const Tensor dy = global ? cpu::blocked(dy_any, cpu::channel_block()) : dy_any;
  return average_backward(dy, Plan::adaptive(input, dy.shape()), input);
}

}  // namespace engine

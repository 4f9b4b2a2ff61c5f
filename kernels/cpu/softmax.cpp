// Softmax along one dimension.
#include "kernels/cpu/softmax_loops.h"

#include <algorithm>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/support.h"

namespace engine {
namespace {

// Calls row(offset, length) for each softmax over contiguous values, or else strip(offset, where) for some at a time.
template <class Row, class Columns>
void for_each_softmax(const Shape& shape, int axis, Row&& row, Columns&& strip) {
  if (shape.numel() == 0) return;
  const std::int64_t length = shape[axis], stride = shape.strides()[static_cast<std::size_t>(axis)];
  const std::int64_t outer = shape.numel() / (length * stride);
  if (stride == 1) {
    cpu::parallel_for(outer, cpu::elementwise_grain / (4 * length), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) row(i * length, length);
    });
    return;
  }
  const std::int64_t strips = (stride + cpu::softmax_columns - 1) / cpu::softmax_columns;
  const std::int64_t grain = cpu::elementwise_grain / (4 * length * cpu::softmax_columns);
  cpu::parallel_for(outer * strips, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t column = i % strips * cpu::softmax_columns;
      strip(i / strips * length * stride + column,
            cpu::Strip{length, stride, std::min(cpu::softmax_columns, stride - column)});
    }
  });
}

Tensor forward(const char* op, const Tensor& x_any, int axis, bool logarithm) {
  cpu::require_f32(op, x_any);
  check_axis(op, x_any, axis);
  const Tensor x = cpu::plain(x_any);
  Tensor y = cpu::empty(x.shape());
  const float* from = x.data<float>();
  float* to = y.data<float>();
  for_each_softmax(
      x.shape(), axis, [&](std::int64_t at, std::int64_t n) { cpu::softmax_row(from + at, to + at, n, logarithm); },
      [&](std::int64_t at, const cpu::Strip& s) { cpu::softmax_strip(from + at, to + at, s, logarithm); });
  return y;
}

Tensor backward(const char* op, const Tensor& y_any, const Tensor& dy_any, int axis, bool logarithm) {
  cpu::require_f32(op, y_any);
  check_axis(op, y_any, axis);
  check_same_shape(op, y_any, dy_any);
  const Tensor y = cpu::plain(y_any), dy = cpu::plain(dy_any);
  Tensor dx = cpu::empty(y.shape());
  const float *result = y.data<float>(), *from = dy.data<float>();
  float* to = dx.data<float>();
  for_each_softmax(
      y.shape(), axis,
      [&](std::int64_t at, std::int64_t n) {
        cpu::softmax_row_backward(result + at, from + at, to + at, n, logarithm);
      },
      [&](std::int64_t at, const cpu::Strip& s) {
        cpu::softmax_strip_backward(result + at, from + at, to + at, s, logarithm);
      });
  return dx;
}

}  // namespace

Tensor CpuBackend::do_softmax(const Tensor& x, int axis) { return forward("softmax", x, axis, false); }

Tensor CpuBackend::do_softmax_backward(const Tensor& y, const Tensor& dy, int axis) {
  return backward("softmax_backward", y, dy, axis, false);
}

Tensor CpuBackend::do_log_softmax(const Tensor& x, int axis) { return forward("log_softmax", x, axis, true); }

Tensor CpuBackend::do_log_softmax_backward(const Tensor& y, const Tensor& dy, int axis) {
  return backward("log_softmax_backward", y, dy, axis, true);
}

}  // namespace engine

#include <algorithm>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::Doubles;

// Calls f(read-write access to the i-th element along `axis`, their number) for every line along the axis.
template <class F>
void for_each_line(const Shape& shape, int axis, F f) {
  const std::int64_t length = shape[axis], inner = shape.strides()[static_cast<std::size_t>(axis)];
  const std::int64_t outer = shape.numel() == 0 ? 0 : shape.numel() / (length * inner);
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i)
      f([=](std::int64_t k) { return static_cast<std::size_t>((o * length + k) * inner + i); }, length);
}

Tensor softmax_of(const char* op, const Tensor& x, int axis, bool logarithm) {
  check_axis(op, x, axis);
  Doubles y = to_vector<double>(x);
  for_each_line(x.shape(), axis, [&](auto at, std::int64_t n) {
    double top = -INFINITY, sum = 0.0;
    for (std::int64_t k = 0; k < n; ++k) top = std::max(top, y[at(k)]);
    for (std::int64_t k = 0; k < n; ++k) sum += std::exp(y[at(k)] - top);
    for (std::int64_t k = 0; k < n; ++k) {
      const double log_p = y[at(k)] - top - std::log(sum);
      y[at(k)] = logarithm ? log_p : std::exp(log_p);
    }
  });
  return reference::store(y, x.shape(), x.dtype());
}

}  // namespace

Tensor ReferenceBackend::do_softmax(const Tensor& x, int axis) { return softmax_of("softmax", x, axis, false); }
Tensor ReferenceBackend::do_log_softmax(const Tensor& x, int axis) { return softmax_of("log_softmax", x, axis, true); }

Tensor ReferenceBackend::do_softmax_backward(const Tensor& y_, const Tensor& dy, int axis) {
  check_same_shape("softmax_backward", y_, dy);
  check_axis("softmax_backward", y_, axis);
  const reference::Dense y(y_);
  Doubles dx = to_vector<double>(dy);
  for_each_line(y_.shape(), axis, [&](auto at, std::int64_t n) {
    double dot = 0.0;
    for (std::int64_t k = 0; k < n; ++k) dot += dx[at(k)] * y.data()[at(k)];
    for (std::int64_t k = 0; k < n; ++k) dx[at(k)] = y.data()[at(k)] * (dx[at(k)] - dot);
  });
  return reference::store(dx, y_.shape(), y_.dtype());
}

Tensor ReferenceBackend::do_log_softmax_backward(const Tensor& y_, const Tensor& dy, int axis) {
  check_same_shape("log_softmax_backward", y_, dy);
  check_axis("log_softmax_backward", y_, axis);
  const reference::Dense y(y_);
  Doubles dx = to_vector<double>(dy);
  for_each_line(y_.shape(), axis, [&](auto at, std::int64_t n) {
    double sum = 0.0;
    for (std::int64_t k = 0; k < n; ++k) sum += dx[at(k)];
    for (std::int64_t k = 0; k < n; ++k) dx[at(k)] -= std::exp(y.data()[at(k)]) * sum;
  });
  return reference::store(dx, y_.shape(), y_.dtype());
}

}  // namespace engine

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/tensor/philox.h"
#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/indexing.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::Dense;
using reference::Doubles;

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }  // NaN stays NaN
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double normal_pdf(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi); }

// The argument of gelu_tanh's tanh, and its slope.
constexpr double gelu_cubic = 0.044715;
double gelu_inner(double x) {
  return std::sqrt(2.0 / std::numbers::pi) * (x + gelu_cubic * x * x * x);
}
double gelu_inner_slope(double x) { return std::sqrt(2.0 / std::numbers::pi) * (1.0 + 3.0 * gelu_cubic * x * x); }

double value(double x, const ActivationParams& p) {
  switch (p.kind) {
    case Activation::relu: return x < 0.0 ? 0.0 : x;
    case Activation::relu6: return clamp(x, 0.0, 6.0);
    case Activation::leaky_relu: return x < 0.0 ? p.slope * x : x;
    case Activation::sigmoid: return sigmoid(x);
    case Activation::tanh: return std::tanh(x);
    case Activation::silu: return x * sigmoid(x);
    case Activation::hard_sigmoid: return clamp(x + 3.0, 0.0, 6.0) / 6.0;
    case Activation::hard_swish: return x * clamp(x + 3.0, 0.0, 6.0) / 6.0;
    case Activation::gelu_erf: return x * normal_cdf(x);
    case Activation::gelu_tanh: return x * sigmoid(2.0 * gelu_inner(x));  // (1 + tanh u) / 2 without cancellation
  }
  return x;
}

double slope(double x, const ActivationParams& p) {
  switch (p.kind) {
    case Activation::relu: return x <= 0.0 ? 0.0 : 1.0;
    case Activation::relu6: return x <= 0.0 || x >= 6.0 ? 0.0 : 1.0;
    case Activation::leaky_relu: return x > 0.0 ? 1.0 : p.slope;
    // 1 - s(x) = s(-x) and 1 - tanh^2 = 1 / cosh^2, which do not cancel.
    case Activation::sigmoid: return sigmoid(x) * sigmoid(-x);
    case Activation::tanh: return 1.0 / (std::cosh(x) * std::cosh(x));
    case Activation::silu: return sigmoid(x) * (1.0 + x * sigmoid(-x));
    case Activation::hard_sigmoid: return x <= -3.0 || x >= 3.0 ? 0.0 : 1.0 / 6.0;
    case Activation::hard_swish: return x <= -3.0 ? 0.0 : x < 3.0 ? x / 3.0 + 0.5 : 1.0;
    case Activation::gelu_erf: return normal_cdf(x) + x * normal_pdf(x);
    case Activation::gelu_tanh: {
      const double s = sigmoid(2.0 * gelu_inner(x));
      return s + 2.0 * x * s * sigmoid(-2.0 * gelu_inner(x)) * gelu_inner_slope(x);
    }
  }
  return 1.0;
}

template <class F>
Tensor elementwise(const Tensor& a_, const Tensor& b_, F f) {
  const Shape shape = broadcast(a_.shape(), b_.shape());
  const Dense a(a_), b(b_);
  Doubles y = reference::zeros(shape.numel());
  const auto stride_a = reference::broadcast_strides(a_.shape(), shape);
  const auto stride_b = reference::broadcast_strides(b_.shape(), shape);
  reference::for_each_index(shape, [&](std::int64_t i, const reference::Index& index) {
    y[static_cast<std::size_t>(i)] = f(a[reference::offset(index, stride_a)], b[reference::offset(index, stride_b)]);
  });
  return reference::store(y, shape, a_.dtype());
}

}  // namespace

Tensor ReferenceBackend::do_activation(const Tensor& x, const ActivationParams& p) {
  Doubles y = to_vector<double>(x);
  for (double& v : y) v = value(v, p);
  return reference::store(y, x.shape(), x.dtype());
}

Tensor ReferenceBackend::do_activation_backward(const Tensor& x_, const Tensor& dy, const ActivationParams& p) {
  check_same_shape("activation_backward", x_, dy);
  const Dense x(x_);
  Doubles dx = to_vector<double>(dy);
  for (std::int64_t i = 0; i < x.size(); ++i) dx[static_cast<std::size_t>(i)] *= slope(x[i], p);
  return reference::store(dx, x_.shape(), x_.dtype());
}

Tensor ReferenceBackend::do_add(const Tensor& a, const Tensor& b) {
  return elementwise(a, b, [](double u, double v) { return u + v; });
}

Tensor ReferenceBackend::do_mul(const Tensor& a, const Tensor& b) {
  return elementwise(a, b, [](double u, double v) { return u * v; });
}

Tensor ReferenceBackend::do_scale(const Tensor& x, double factor) {
  Doubles y = to_vector<double>(x);
  for (double& v : y) v *= factor;
  return reference::store(y, x.shape(), x.dtype());
}

void ReferenceBackend::do_accumulate_(const Tensor& acc, const Tensor& x_) {
  check_same_shape("accumulate_", acc, x_);
  const Dense x(x_);
  Doubles sum = to_vector<double>(acc);
  for (std::int64_t i = 0; i < x.size(); ++i) sum[static_cast<std::size_t>(i)] += x[i];
  reference::store_into(acc, sum);
}

Tensor ReferenceBackend::do_dropout(const Tensor& x, double p, const RandomKey& key) {
  if (!(p >= 0.0 && p < 1.0)) throw UsageError("dropout: expected a probability in [0, 1), found {}", p);
  Doubles y = to_vector<double>(x);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const bool dropped = static_cast<double>(uniform_from_bits(philox_block(key, i / 4)[i % 4])) < p;
    y[i] = dropped ? 0.0 : y[i] / (1.0 - p);
  }
  return reference::store(y, x.shape(), x.dtype());
}

}  // namespace engine

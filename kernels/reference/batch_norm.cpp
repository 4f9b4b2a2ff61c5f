#include <cmath>

#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::Dense;
using reference::Doubles;

// x [N, C, ...] as images x channels x plane.
struct Channels {
  std::int64_t n, c, plane;
  explicit Channels(const Tensor& x)
      : n(x.dim(0)), c(x.dim(1)), plane(x.numel() == 0 ? 0 : x.numel() / (x.dim(0) * x.dim(1))) {}
  double count() const { return static_cast<double>(n * plane); }

  template <class F>
  void for_each(std::int64_t channel, F&& f) const {
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < plane; ++j) f(static_cast<std::size_t>((i * c + channel) * plane + j));
  }
};

Tensor normalized(const Tensor& x_, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                  const Doubles& mean, const Doubles& inv_std, bool relu) {
  const Channels g(x_);
  const Dense x(x_), w(weight), b(bias);
  const Doubles r = residual.defined() ? to_vector<double>(residual) : reference::zeros(x_.numel());
  Doubles y(static_cast<std::size_t>(x_.numel()));
  for (std::int64_t c = 0; c < g.c; ++c)
    g.for_each(c, [&](std::size_t i) {
      const auto channel = static_cast<std::size_t>(c);
      const double v =
          (x.data()[i] - mean[channel]) * inv_std[channel] * w[c] + b[c] + r[i];
      y[i] = relu && v < 0.0 ? 0.0 : v;
    });
  return reference::store(y, x_.shape(), x_.dtype());
}

BatchNormGrads backward(const Tensor& x_, const Tensor& y_, const Tensor& weight, const Tensor& shift,
                        const Doubles& mean, const Doubles& inv_std, const Tensor& dy_, bool need_residual, bool relu,
                        bool constant_statistics) {
  const Channels g(x_);
  const Dense x(x_), w(weight);
  Doubles dy = to_vector<double>(dy_);
  if (relu) {
    const Doubles y = to_vector<double>(y_.defined() ? y_ : normalized(x_, {}, weight, shift, mean, inv_std, false));
    for (std::size_t i = 0; i < dy.size(); ++i)
      if (y[i] <= 0.0) dy[i] = 0.0;
  }
  Doubles dx(dy.size()), dweight = reference::zeros(g.c), dbias = reference::zeros(g.c);
  for (std::int64_t c = 0; c < g.c; ++c) {
    const auto channel = static_cast<std::size_t>(c);
    const auto normal = [&](std::size_t i) { return (x.data()[i] - mean[channel]) * inv_std[channel]; };
    g.for_each(c, [&](std::size_t i) {
      dweight[channel] += dy[i] * normal(i);
      dbias[channel] += dy[i];
    });
    const double mean_g = constant_statistics ? 0.0 : dbias[channel] / g.count();
    const double mean_gx = constant_statistics ? 0.0 : dweight[channel] / g.count();
    g.for_each(c, [&](std::size_t i) {
      dx[i] = w[c] * inv_std[channel] * (dy[i] - mean_g - normal(i) * mean_gx);
    });
  }
  BatchNormGrads grads;
  grads.dx = reference::store(dx, x_.shape(), x_.dtype());
  grads.dweight = reference::store(dweight, {g.c}, parameter_dtype(x_.dtype()));
  grads.dbias = reference::store(dbias, {g.c}, parameter_dtype(x_.dtype()));
  if (need_residual) grads.dresidual = reference::store(dy, x_.shape(), x_.dtype());
  return grads;
}

Doubles inverse_deviation(const Tensor& var, double eps) {
  Doubles inv_std = to_vector<double>(var);
  for (double& v : inv_std) v = 1.0 / std::sqrt(v + eps);
  return inv_std;
}

void update_running(const Tensor& running, const Doubles& batch, double momentum) {
  Doubles values = to_vector<double>(running);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = (1.0 - momentum) * values[i] + momentum * batch[i];
  reference::store_into(running, values);
}

}  // namespace

BatchNormResult ReferenceBackend::do_batch_norm_train(const Tensor& x_, const Tensor& residual, const Tensor& weight,
                                                      const Tensor& bias, const Tensor& running_mean,
                                                      const Tensor& running_var, const BatchNormParams& p) {
  check_batch_norm("batch_norm_train", x_, residual, weight, bias, running_mean, running_var);
  const Channels g(x_);
  if (g.count() < 2)
    throw UsageError("batch_norm_train: needs more than one value a channel, found x {}", x_.shape().str());
  const Dense x(x_);
  Doubles mean = reference::zeros(g.c), inv_std = reference::zeros(g.c), unbiased = reference::zeros(g.c);
  for (std::int64_t c = 0; c < g.c; ++c) {
    const auto channel = static_cast<std::size_t>(c);
    g.for_each(c, [&](std::size_t i) { mean[channel] += x.data()[i]; });
    mean[channel] /= g.count();
    double squares = 0.0;
    g.for_each(c, [&](std::size_t i) { squares += (x.data()[i] - mean[channel]) * (x.data()[i] - mean[channel]); });
    inv_std[channel] = 1.0 / std::sqrt(squares / g.count() + p.eps);
    unbiased[channel] = squares / (g.count() - 1.0);
  }
  if (running_mean.defined()) {
    update_running(running_mean, mean, p.momentum);
    update_running(running_var, unbiased, p.momentum);
  }
  BatchNormResult r;
  r.y = normalized(x_, residual, weight, bias, mean, inv_std, p.relu);
  const DType saved = parameter_dtype(x_.dtype());
  r.mean = reference::store(mean, {g.c}, saved);
  r.inv_std = reference::store(inv_std, {g.c}, saved);
  r.shift = reference::store(to_vector<double>(bias), {g.c}, saved);
  return r;
}

Tensor ReferenceBackend::do_batch_norm_eval(const Tensor& x, const Tensor& residual, const Tensor& weight,
                                            const Tensor& bias, const Tensor& mean, const Tensor& var,
                                            const BatchNormParams& p) {
  check_batch_norm("batch_norm_eval", x, residual, weight, bias, mean, var);
  return normalized(x, residual, weight, bias, to_vector<double>(mean), inverse_deviation(var, p.eps), p.relu);
}

BatchNormGrads ReferenceBackend::do_batch_norm_train_backward(const Tensor& x, const Tensor& y, const Tensor& weight,
                                                              const Tensor& mean, const Tensor& inv_std,
                                                              const Tensor& shift, const Tensor& dy, const Tensor& more,
                                                              bool need_residual, const BatchNormParams& p) {
  check_batch_norm_backward("batch_norm_train_backward", x, y, weight, mean, inv_std, shift, dy, p);
  if (more.defined()) check_same_shape("batch_norm_train_backward", dy, more);
  return backward(x, y, weight, shift, to_vector<double>(mean), to_vector<double>(inv_std),
                  more.defined() ? do_add(dy, more) : dy, need_residual, p.relu, false);
}

BatchNormGrads ReferenceBackend::do_batch_norm_eval_backward(const Tensor& x, const Tensor& y, const Tensor& weight,
                                                             const Tensor& bias, const Tensor& mean, const Tensor& var,
                                                             const Tensor& dy, bool need_residual,
                                                             const BatchNormParams& p) {
  check_batch_norm_backward("batch_norm_eval_backward", x, y, weight, mean, var, bias, dy, p);
  return backward(x, y, weight, bias, to_vector<double>(mean), inverse_deviation(var, p.eps), dy, need_residual, p.relu,
                  true);
}

}  // namespace engine

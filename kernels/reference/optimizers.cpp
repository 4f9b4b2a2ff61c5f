#include <algorithm>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::Dense;
using reference::Doubles;

}  // namespace

void ReferenceBackend::do_sgd_(const std::vector<OptimizerSlot>& slots, const SgdParams& p) {
  check_slots("sgd_", slots, p.momentum != 0.0, false);
  for (const OptimizerSlot& s : slots) {
    const Dense grad(s.grad);
    Doubles w = to_vector<double>(s.param), m = s.m.defined() ? to_vector<double>(s.m) : Doubles(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      double g = grad.data()[i] + s.weight_decay * w[i];
      if (p.momentum != 0.0) {
        m[i] = p.first_step ? g : p.momentum * m[i] + (1.0 - p.dampening) * g;
        g = p.nesterov ? g + p.momentum * m[i] : m[i];
      }
      w[i] -= s.lr * g;
    }
    reference::store_into(s.param, w);
    if (p.momentum != 0.0) reference::store_into(s.m, m);
  }
}

void ReferenceBackend::do_adam_(const std::vector<OptimizerSlot>& slots, const AdamParams& p) {
  check_slots("adam_", slots, true, true);
  const double correction1 = 1.0 - std::pow(p.beta1, static_cast<double>(p.step));
  const double correction2 = 1.0 - std::pow(p.beta2, static_cast<double>(p.step));
  for (const OptimizerSlot& s : slots) {
    const Dense grad(s.grad);
    Doubles w = to_vector<double>(s.param), m = to_vector<double>(s.m), v = to_vector<double>(s.v);
    for (std::size_t i = 0; i < w.size(); ++i) {
      double g = grad.data()[i];
      if (p.decoupled)
        w[i] -= s.lr * s.weight_decay * w[i];
      else
        g += s.weight_decay * w[i];
      m[i] = p.beta1 * m[i] + (1.0 - p.beta1) * g;
      v[i] = p.beta2 * v[i] + (1.0 - p.beta2) * g * g;
      w[i] -= s.lr * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + p.eps);
    }
    reference::store_into(s.param, w);
    reference::store_into(s.m, m);
    reference::store_into(s.v, v);
  }
}

void ReferenceBackend::do_rmsprop_(const std::vector<OptimizerSlot>& slots, const RmspropParams& p) {
  check_slots("rmsprop_", slots, p.momentum != 0.0, true);
  for (const OptimizerSlot& s : slots) {
    const Dense grad(s.grad);
    Doubles w = to_vector<double>(s.param), v = to_vector<double>(s.v);
    Doubles m = s.m.defined() ? to_vector<double>(s.m) : Doubles(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = grad.data()[i] + s.weight_decay * w[i];
      v[i] = p.alpha * v[i] + (1.0 - p.alpha) * g * g;
      double update = g / (std::sqrt(v[i]) + p.eps);
      if (p.momentum != 0.0) update = m[i] = p.momentum * m[i] + update;
      w[i] -= s.lr * update;
    }
    reference::store_into(s.param, w);
    reference::store_into(s.v, v);
    if (p.momentum != 0.0) reference::store_into(s.m, m);
  }
}

void ReferenceBackend::do_ema_(const std::vector<Tensor>& averages, const std::vector<Tensor>& values, double decay) {
  check_ema(averages, values);
  for (std::size_t k = 0; k < averages.size(); ++k) {
    const Dense value(values[k]);
    Doubles average = to_vector<double>(averages[k]);
    for (std::size_t i = 0; i < average.size(); ++i)
      average[i] = decay * average[i] + (1.0 - decay) * value.data()[i];
    reference::store_into(averages[k], average);
  }
}

Tensor ReferenceBackend::do_clip_grad_norm_(const std::vector<Tensor>& grads, double max_norm, double factor) {
  if (grads.empty()) throw UsageError("clip_grad_norm_: no gradients");
  double squares = 0.0;
  for (const Tensor& g : grads) {
    const Dense values(g);
    for (std::int64_t i = 0; i < values.size(); ++i) squares += values[i] * values[i];
  }
  const double norm = factor * std::sqrt(squares), share = max_norm / (norm + 1e-6);
  if (share < 1.0) factor *= share;
  for (const Tensor& g : grads) {
    if (factor == 1.0) break;
    Doubles values = to_vector<double>(g);
    for (double& v : values) v *= factor;
    reference::store_into(g, values);
  }
  return reference::store({norm}, {}, grads[0].dtype());
}

}  // namespace engine

#include <algorithm>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::Dense;
using reference::Doubles;

bool held_back(const Tensor& norm) { return norm.defined() && !std::isfinite(scalar_value(norm)); }

}  // namespace

void ReferenceBackend::do_sgd_(const std::vector<OptimizerSlot>& slots, const SgdParams& p, const UpdateNumbers& now) {
  check_update("sgd_", slots, p.momentum != 0.0, false, now);
  if (held_back(now.norm)) return;
  const Doubles numbers = to_vector<double>(now.lr_and_count);
  for (const OptimizerSlot& s : slots) {
    const Dense grad(s.grad);
    Doubles w = to_vector<double>(s.param), m = s.m.defined() ? to_vector<double>(s.m) : Doubles(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      double g = grad.data()[i] + s.weight_decay * w[i];
      if (p.momentum != 0.0) {
        m[i] = numbers[1] == 1.0 ? g : p.momentum * m[i] + (1.0 - p.dampening) * g;
        g = p.nesterov ? g + p.momentum * m[i] : m[i];
      }
      w[i] -= numbers[0] * s.lr_mult * g;
    }
    reference::store_into(s.param, w);
    if (p.momentum != 0.0) reference::store_into(s.m, m);
  }
}

void ReferenceBackend::do_adam_(const std::vector<OptimizerSlot>& slots, const AdamParams& p, const UpdateNumbers& now) {
  check_update("adam_", slots, true, true, now);
  if (held_back(now.norm)) return;
  const Doubles numbers = to_vector<double>(now.lr_and_count);
  const double correction1 = 1.0 - std::pow(p.beta1, numbers[1]);
  const double correction2 = 1.0 - std::pow(p.beta2, numbers[1]);
  for (const OptimizerSlot& s : slots) {
    const double lr = numbers[0] * s.lr_mult;
    const Dense grad(s.grad);
    Doubles w = to_vector<double>(s.param), m = to_vector<double>(s.m), v = to_vector<double>(s.v);
    for (std::size_t i = 0; i < w.size(); ++i) {
      double g = grad.data()[i];
      if (p.decoupled)
        w[i] -= lr * s.weight_decay * w[i];
      else
        g += s.weight_decay * w[i];
      m[i] = p.beta1 * m[i] + (1.0 - p.beta1) * g;
      v[i] = p.beta2 * v[i] + (1.0 - p.beta2) * g * g;
      w[i] -= lr * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + p.eps);
    }
    reference::store_into(s.param, w);
    reference::store_into(s.m, m);
    reference::store_into(s.v, v);
  }
}

void ReferenceBackend::do_rmsprop_(const std::vector<OptimizerSlot>& slots, const RmspropParams& p,
                                   const UpdateNumbers& now) {
  check_update("rmsprop_", slots, p.momentum != 0.0, true, now);
  if (held_back(now.norm)) return;
  const Doubles numbers = to_vector<double>(now.lr_and_count);
  for (const OptimizerSlot& s : slots) {
    const Dense grad(s.grad);
    Doubles w = to_vector<double>(s.param), v = to_vector<double>(s.v);
    Doubles m = s.m.defined() ? to_vector<double>(s.m) : Doubles(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double g = grad.data()[i] + s.weight_decay * w[i];
      v[i] = p.alpha * v[i] + (1.0 - p.alpha) * g * g;
      double update = g / (std::sqrt(v[i]) + p.eps);
      if (p.momentum != 0.0) update = m[i] = p.momentum * m[i] + update;
      w[i] -= numbers[0] * s.lr_mult * update;
    }
    reference::store_into(s.param, w);
    reference::store_into(s.v, v);
    if (p.momentum != 0.0) reference::store_into(s.m, m);
  }
}

void ReferenceBackend::do_ema_(const std::vector<Tensor>& averages, const std::vector<Tensor>& values, double decay,
                               const Tensor& norm) {
  check_ema(averages, values, norm);
  if (held_back(norm)) return;
  for (std::size_t k = 0; k < averages.size(); ++k) {
    const Dense value(values[k]);
    Doubles average = to_vector<double>(averages[k]);
    for (std::size_t i = 0; i < average.size(); ++i)
      average[i] = (decay == 0.0 ? 0.0 : decay * average[i]) + (1.0 - decay) * value.data()[i];
    reference::store_into(averages[k], average);
  }
}

Tensor ReferenceBackend::do_clip_grad_norm_(const std::vector<Tensor>& grads, double max_norm,
                                          const Tensor& loss_scale) {
  check_clip(grads, loss_scale);
  double squares = 0.0;
  for (const Tensor& g : grads) {
    const Dense values(g);
    for (std::int64_t i = 0; i < values.size(); ++i) squares += values[i] * values[i];
  }
  double factor = loss_scale.defined() ? 1.0 / scalar_value(loss_scale) : 1.0;
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

#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "kernels/backend.h"

namespace engine {
namespace {

// Where a batch norm sends its gradients. Of the inputs other than x only these are kept: their numbers may go.
struct Destinations {
  std::shared_ptr<Gradient> x, residual, weight, bias;

  Destinations(const Variable& x_, const Variable& residual_, const Variable& weight_, const Variable& bias_)
      : x(x_.gradient()), residual(residual_.gradient()), weight(weight_.gradient()), bias(bias_.gradient()) {}

  void accumulate(const BatchNormGrads& g) const {
    if (x) x->accumulate(g.dx);
    if (residual) residual->accumulate(g.dresidual);
    if (weight) weight->accumulate(g.dweight);
    if (bias) bias->accumulate(g.dbias);
  }
};

// Without a residual the ReLU's mask follows from x, and the activation may go.
Tensor kept_mask(const Tensor& y, const Variable& residual, const BatchNormParams& p) {
  return p.relu && residual.defined() ? y : Tensor();
}

}  // namespace

Variable batch_norm_train(const Variable& x, const Variable& residual, const Variable& weight, const Variable& bias,
                          const RunningStatistics& update, const BatchNormParams& p) {
  BatchNormResult r = backend_of(x.value()).batch_norm_train(x.value(), residual.value(), weight.value(), bias.value(),
                                                            update.mean, update.var, p);
  return Tape::result(r.y, {&x, &residual, &weight, &bias}, [&] {
    return [to = Destinations(x, residual, weight, bias), x = x.value(), mask = kept_mask(r.y, residual, p),
            weight = weight.value(), mean = r.mean, inv_std = r.inv_std, shift = r.shift,
            p](const Tensor& dy, const Tensor& more) {
      to.accumulate(backend_of(dy).batch_norm_train_backward(x, mask, weight, mean, inv_std, shift, dy, more,
                                                             to.residual != nullptr, p));
    };
  });
}

Variable batch_norm_eval(const Variable& x, const Variable& residual, const Variable& weight, const Variable& bias,
                         const RunningStatistics& use, const BatchNormParams& p) {
  Tensor y = backend_of(x.value()).batch_norm_eval(x.value(), residual.value(), weight.value(), bias.value(), use.mean,
                                                   use.var, p);
  return Tape::result(y, {&x, &residual, &weight, &bias}, [&] {
    return [to = Destinations(x, residual, weight, bias), x = x.value(), mask = kept_mask(y, residual, p),
            weight = weight.value(), bias = bias.value(), use, p](const Tensor& dy) {
      to.accumulate(backend_of(dy).batch_norm_eval_backward(x, mask, weight, bias, use.mean, use.var, dy,
                                                            to.residual != nullptr, p));
    };
  });
}

Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, int axes, double eps) {
  LayerNormResult r = backend_of(x.value()).layer_norm(x.value(), weight.value(), bias.value(), axes, eps);
  return Tape::result(std::move(r.y), {&x, &weight, &bias}, [&] {
    return [x, weight, bias, axes, mean = r.mean, inv_std = r.inv_std](const Tensor& dy) {
      const LayerNormGrads g = backend_of(dy).layer_norm_backward(x.value(), weight.value(), mean, inv_std, dy, axes);
      if (x.requires_grad()) x.gradient()->accumulate(g.dx);
      if (weight.requires_grad()) weight.gradient()->accumulate(g.dweight);
      if (bias.requires_grad()) bias.gradient()->accumulate(g.dbias);
    };
  });
}

}  // namespace engine

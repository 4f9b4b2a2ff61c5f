#include <algorithm>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::Dense;
using reference::Doubles;

// The targets and weights of a cross-entropy.
struct Labels {
  std::vector<std::int64_t> target;
  Doubles weight;  // of each class
  std::int64_t classes;
  CrossEntropyParams p;

  Labels(const Tensor& target_, const Tensor& class_weight, std::int64_t classes_, const CrossEntropyParams& params)
      : target(to_vector<std::int64_t>(target_)),
        weight(class_weight.defined() ? to_vector<double>(class_weight)
                                      : Doubles(static_cast<std::size_t>(classes_), 1.0)),
        classes(classes_),
        p(params) {
    for (std::size_t i = 0; i < target.size(); ++i)
      if (counts(i) && (target[i] < 0 || target[i] >= classes))
        throw DataError("softmax_cross_entropy: target {} of row {} is outside of [0, {})", target[i], i, classes);
  }
  bool counts(std::size_t row) const { return target[row] != p.ignore_index; }
  double weight_of_row(std::size_t row) const { return weight[static_cast<std::size_t>(target[row])]; }
  /// What the loss of a row multiplies -log p_c with.
  double share(std::size_t row, std::int64_t c) const {
    const double smooth = p.label_smoothing / static_cast<double>(classes) * weight[static_cast<std::size_t>(c)];
    return smooth + (c == target[row] ? (1.0 - p.label_smoothing) * weight_of_row(row) : 0.0);
  }
  double divisor() const {
    if (p.reduction != Reduction::mean) return 1.0;
    double sum = 0.0;
    for (std::size_t i = 0; i < target.size(); ++i)
      if (counts(i)) sum += weight_of_row(i);
    return sum;
  }
};

bool present(double target) { return target != conventions::missing_label; }

double bce_divisor(const Dense& target, const BceParams& p) {
  if (p.reduction != Reduction::mean) return 1.0;
  std::int64_t n = 0;
  for (std::int64_t i = 0; i < target.size(); ++i) n += present(target[i]);
  return static_cast<double>(std::max<std::int64_t>(n, 1));
}

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

double loss_gradient(const Dense& dloss, std::int64_t i, Reduction reduction) {
  return dloss[reduction == Reduction::none ? i : 0];
}

}  // namespace

CrossEntropyResult ReferenceBackend::do_softmax_cross_entropy(const Tensor& logits, const Tensor& target,
                                                              const Tensor& class_weight,
                                                              const CrossEntropyParams& p) {
  check_cross_entropy("softmax_cross_entropy", logits, target, class_weight);
  const std::int64_t n = logits.dim(0), c = logits.dim(1);
  const Labels labels(target, class_weight, c, p);
  const Tensor log_prob = do_log_softmax(do_cast(logits, DType::f64), 1);
  const Dense lp(log_prob);
  Doubles losses = reference::zeros(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto row = static_cast<std::size_t>(i);
    if (!labels.counts(row)) continue;
    for (std::int64_t k = 0; k < c; ++k) {
      const double share = labels.share(row, k);
      if (share != 0.0) losses[row] -= share * lp[i * c + k];
    }
  }
  CrossEntropyResult r;
  r.log_prob = do_cast(log_prob, logits.dtype());
  if (p.reduction == Reduction::none) {
    r.loss = reference::store(losses, {n}, logits.dtype());
  } else {
    double sum = 0.0;
    for (double v : losses) sum += v;
    r.loss = reference::store({sum / labels.divisor()}, {}, logits.dtype());
  }
  return r;
}

Tensor ReferenceBackend::do_softmax_cross_entropy_backward(const Tensor& log_prob, const Tensor& target,
                                                           const Tensor& class_weight, const Tensor& dloss_,
                                                           const CrossEntropyParams& p) {
  check_cross_entropy("softmax_cross_entropy_backward", log_prob, target, class_weight);
  const std::int64_t n = log_prob.dim(0), c = log_prob.dim(1);
  check_shape("softmax_cross_entropy_backward", "dloss", dloss_, p.reduction == Reduction::none ? Shape{n} : Shape{});
  const Labels labels(target, class_weight, c, p);
  const Dense lp(log_prob), dloss(dloss_);
  const double divisor = labels.divisor();
  Doubles dx = reference::zeros(n * c);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto row = static_cast<std::size_t>(i);
    if (!labels.counts(row)) continue;
    double total = 0.0;
    for (std::int64_t k = 0; k < c; ++k) total += labels.share(row, k);
    for (std::int64_t k = 0; k < c; ++k)
      dx[static_cast<std::size_t>(i * c + k)] =
          loss_gradient(dloss, i, p.reduction) / divisor * (total * std::exp(lp[i * c + k]) - labels.share(row, k));
  }
  return reference::store(dx, log_prob.shape(), log_prob.dtype());
}

Tensor ReferenceBackend::do_bce_with_logits(const Tensor& logits, const Tensor& target_, const Tensor& pos_weight,
                                            const BceParams& p) {
  check_bce("bce_with_logits", logits, target_, pos_weight);
  const Dense x(logits), target(target_);
  const std::int64_t c = logits.dim(1);
  const Doubles weight = pos_weight.defined() ? to_vector<double>(pos_weight) : Doubles(static_cast<std::size_t>(c), 1.0);
  Doubles losses = reference::zeros(x.size());
  for (std::int64_t i = 0; i < x.size(); ++i) {
    if (!present(target[i])) continue;
    const double t = target[i], w = weight[static_cast<std::size_t>(i % c)];
    // -w t log s(x) - (1 - t) log(1 - s(x))
    losses[static_cast<std::size_t>(i)] = w * t * softplus(-x[i]) + (1.0 - t) * softplus(x[i]);
  }
  if (p.reduction == Reduction::none) return reference::store(losses, logits.shape(), logits.dtype());
  double sum = 0.0;
  for (double v : losses) sum += v;
  return reference::store({sum / bce_divisor(target, p)}, {}, logits.dtype());
}

Tensor ReferenceBackend::do_bce_with_logits_backward(const Tensor& logits, const Tensor& target_,
                                                     const Tensor& pos_weight, const Tensor& dloss_,
                                                     const BceParams& p) {
  check_bce("bce_with_logits_backward", logits, target_, pos_weight);
  check_shape("bce_with_logits_backward", "dloss", dloss_, p.reduction == Reduction::none ? logits.shape() : Shape{});
  const Dense x(logits), target(target_), dloss(dloss_);
  const std::int64_t c = logits.dim(1);
  const Doubles weight = pos_weight.defined() ? to_vector<double>(pos_weight) : Doubles(static_cast<std::size_t>(c), 1.0);
  const double divisor = bce_divisor(target, p);
  Doubles dx = reference::zeros(x.size());
  for (std::int64_t i = 0; i < x.size(); ++i) {
    if (!present(target[i])) continue;
    const double t = target[i], w = weight[static_cast<std::size_t>(i % c)];
    const double s = 1.0 / (1.0 + std::exp(-x[i])), rest = 1.0 / (1.0 + std::exp(x[i]));  // not 1 - s, which cancels
    dx[static_cast<std::size_t>(i)] =
        loss_gradient(dloss, i, p.reduction) / divisor * ((1.0 - t) * s - w * t * rest);
  }
  return reference::store(dx, logits.shape(), logits.dtype());
}

}  // namespace engine

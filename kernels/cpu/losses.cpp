// Losses. Every sample's loss is computed in double; samples are added in order, whatever the number of threads.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/softmax_loops.h"
#include "kernels/cpu/support.h"

namespace engine {
namespace {

// What cross-entropy needs to know about its samples.
class CrossEntropy {
 public:
  CrossEntropy(std::int64_t classes, const Tensor& target, const Tensor& class_weight, const CrossEntropyParams& p)
      : p_(p),
        classes_(classes),
        target_(target.data<std::int64_t>()),
        weights_(class_weight.defined() ? class_weight.data<float>() : nullptr) {
    for (std::int64_t c = 0; c < classes; ++c) all_weights_ += weight(c);
    for (std::int64_t row = 0; row < target.numel(); ++row) {
      if (ignored(row)) continue;
      if (target_[row] < 0 || target_[row] >= classes)
        throw DataError("softmax_cross_entropy: row {} has target {}, expected 0..{} or {} to ignore it", row,
                        target_[row], classes - 1, p.ignore_index);
      counted_ += weight(target_[row]);
    }
  }

  bool ignored(std::int64_t row) const { return target_[row] == p_.ignore_index; }
  std::int64_t target(std::int64_t row) const { return target_[row]; }
  double weight(std::int64_t c) const { return weights_ ? static_cast<double>(weights_[c]) : 1.0; }
  const float* weights() const { return weights_; }
  /// Factors of the target's term and of every class's.
  double target_share(std::int64_t row) const { return (1.0 - p_.label_smoothing) * weight(target_[row]); }
  double class_share() const { return p_.label_smoothing / static_cast<double>(classes_); }
  double all_weights() const { return all_weights_; }
  /// What the sum of losses is divided by.
  double divisor() const { return p_.reduction == Reduction::mean ? counted_ : 1.0; }

  double loss(std::int64_t row, const float* log_prob) const {
    if (ignored(row)) return 0.0;
    double sum = term(target_share(row), log_prob[target_[row]]);
    if (p_.label_smoothing > 0.0)
      for (std::int64_t c = 0; c < classes_; ++c) sum += term(class_share() * weight(c), log_prob[c]);
    return sum;
  }

 private:
  // A class of weight 0 gives 0, also where its probability is 0 and its logarithm infinite.
  static double term(double share, float log_prob) {
    return share == 0.0 ? 0.0 : -share * static_cast<double>(log_prob);
  }

  const CrossEntropyParams& p_;
  std::int64_t classes_;
  const std::int64_t* target_;
  const float* weights_;
  double all_weights_ = 0.0, counted_ = 0.0;
};

Tensor from_losses(const std::vector<double>& losses, const Shape& shape, Reduction reduction, double divisor) {
  if (reduction == Reduction::none) {
    Tensor t = cpu::empty(shape);
    std::transform(losses.begin(), losses.end(), t.data<float>(), [](double v) { return static_cast<float>(v); });
    return t;
  }
  Tensor t = cpu::empty({});
  *t.data<float>() = static_cast<float>(std::accumulate(losses.begin(), losses.end(), 0.0) / divisor);
  return t;
}

// The cotangent of element i of the losses.
double cotangent(const Tensor& dloss, std::int64_t i, Reduction reduction) {
  return static_cast<double>(dloss.data<float>()[reduction == Reduction::none ? i : 0]);
}

void check_dloss(const char* op, const Tensor& dloss, const Shape& each, Reduction reduction) {
  cpu::require_f32(op, dloss);
  check_shape(op, "dloss", dloss, reduction == Reduction::none ? each : Shape{});
}

// Row-major operands of binary cross-entropy, one element at a time.
struct Bce {
  const float *logits, *target, *pos_weight;
  std::int64_t classes;

  Bce(const Tensor& x, const Tensor& t, const Tensor& weight)
      : logits(x.data<float>()),
        target(t.data<float>()),
        pos_weight(weight.defined() ? weight.data<float>() : nullptr),
        classes(x.dim(1)) {}

  bool missing(std::int64_t i) const { return static_cast<double>(target[i]) == conventions::missing_label; }
  double positive(std::int64_t i) const {
    return static_cast<double>(target[i]) * (pos_weight ? static_cast<double>(pos_weight[i % classes]) : 1.0);
  }
  /// -w t log s(x) - (1 - t) log(1 - s(x)), where -log s(x) = log(1 + e^-|x|) + max(-x, 0) and 1 - s(x) = s(-x).
  double loss(std::int64_t i) const {
    if (missing(i)) return 0.0;
    const double x = static_cast<double>(logits[i]), t = static_cast<double>(target[i]);
    const double rest = std::log1p(std::exp(-std::abs(x)));
    return (1.0 - t) * (rest + std::max(x, 0.0)) + positive(i) * (rest + std::max(-x, 0.0));
  }
  double gradient(std::int64_t i) const {
    if (missing(i)) return 0.0;
    const double x = static_cast<double>(logits[i]), t = static_cast<double>(target[i]);
    const double e = std::exp(-std::abs(x)), large = 1.0 / (1.0 + e), small = e / (1.0 + e);
    const double s = x >= 0 ? large : small, rest = x >= 0 ? small : large;
    return (1.0 - t) * s - positive(i) * rest;
  }
  /// Present entries, what the mean divides by (at least 1, which makes the mean of none 0).
  double present(std::int64_t n) const {
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < n; ++i) count += !missing(i);
    return static_cast<double>(std::max<std::int64_t>(count, 1));
  }
};

constexpr std::int64_t loss_grain = 512;  // entries; each takes an exponential and a logarithm in double

}  // namespace

CrossEntropyResult CpuBackend::do_softmax_cross_entropy(const Tensor& logits_any, const Tensor& target,
                                                        const Tensor& class_weight, const CrossEntropyParams& p) {
  cpu::require_f32("softmax_cross_entropy", logits_any);
  check_cross_entropy("softmax_cross_entropy", logits_any, target, class_weight);
  const Tensor logits = cpu::plain(logits_any);
  const std::int64_t rows = logits.dim(0), classes = logits.dim(1);
  const CrossEntropy ce(classes, target, class_weight, p);
  CrossEntropyResult r;
  r.log_prob = cpu::empty(logits.shape());
  std::vector<double> losses(static_cast<std::size_t>(rows));
  const float* x = logits.data<float>();
  float* log_prob = r.log_prob.data<float>();
  cpu::parallel_for(rows, cpu::elementwise_grain / (4 * classes), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      cpu::softmax_row(x + row * classes, log_prob + row * classes, classes, true);
      losses[static_cast<std::size_t>(row)] = ce.loss(row, log_prob + row * classes);
    }
  });
  r.loss = from_losses(losses, {rows}, p.reduction, ce.divisor());
  return r;
}

Tensor CpuBackend::do_softmax_cross_entropy_backward(const Tensor& log_prob, const Tensor& target,
                                                     const Tensor& class_weight, const Tensor& dloss,
                                                     const CrossEntropyParams& p) {
  cpu::require_f32("softmax_cross_entropy_backward", log_prob);
  check_cross_entropy("softmax_cross_entropy_backward", log_prob, target, class_weight);
  const std::int64_t rows = log_prob.dim(0), classes = log_prob.dim(1);
  check_dloss("softmax_cross_entropy_backward", dloss, {rows}, p.reduction);
  const CrossEntropy ce(classes, target, class_weight, p);
  Tensor dx = cpu::empty(log_prob.shape());
  const float* from = log_prob.data<float>();
  float* to = dx.data<float>();
  cpu::parallel_for(rows, cpu::elementwise_grain / (2 * classes), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      float* d = to + row * classes;
      if (ce.ignored(row)) {
        std::fill_n(d, classes, 0.0f);
        continue;
      }
      const double g = cotangent(dloss, row, p.reduction) / ce.divisor();
      const double all = ce.target_share(row) + ce.class_share() * ce.all_weights();
      cpu::cross_entropy_row_backward(from + row * classes, ce.weights(), d, classes, static_cast<float>(g * all),
                                      static_cast<float>(g * ce.class_share()));
      // The target's own entry in double: p - 1 cancels where the network is sure.
      const std::int64_t t = ce.target(row);
      const double probability = std::exp(static_cast<double>(from[row * classes + t]));
      d[t] = static_cast<float>(g * (all * probability - ce.class_share() * ce.weight(t) - ce.target_share(row)));
    }
  });
  return dx;
}

Tensor CpuBackend::do_bce_with_logits(const Tensor& logits, const Tensor& target, const Tensor& pos_weight,
                                      const BceParams& p) {
  cpu::require_f32("bce_with_logits", logits);
  cpu::require_f32("bce_with_logits", target);
  check_bce("bce_with_logits", logits, target, pos_weight);
  const Bce bce(logits, target, pos_weight);
  const std::int64_t n = logits.numel();
  std::vector<double> losses(static_cast<std::size_t>(n));
  cpu::parallel_for(n, loss_grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) losses[static_cast<std::size_t>(i)] = bce.loss(i);
  });
  return from_losses(losses, logits.shape(), p.reduction, p.reduction == Reduction::mean ? bce.present(n) : 1.0);
}

Tensor CpuBackend::do_bce_with_logits_backward(const Tensor& logits, const Tensor& target, const Tensor& pos_weight,
                                               const Tensor& dloss, const BceParams& p) {
  cpu::require_f32("bce_with_logits_backward", logits);
  cpu::require_f32("bce_with_logits_backward", target);
  check_bce("bce_with_logits_backward", logits, target, pos_weight);
  check_dloss("bce_with_logits_backward", dloss, logits.shape(), p.reduction);
  const Bce bce(logits, target, pos_weight);
  const std::int64_t n = logits.numel();
  const double divisor = p.reduction == Reduction::mean ? bce.present(n) : 1.0;
  Tensor dx = cpu::empty(logits.shape());
  float* to = dx.data<float>();
  cpu::parallel_for(n, loss_grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      to[i] = bce.missing(i) ? 0.0f : static_cast<float>(cotangent(dloss, i, p.reduction) / divisor * bce.gradient(i));
  });
  return dx;
}

}  // namespace engine

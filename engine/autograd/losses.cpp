#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "kernels/backend.h"

namespace engine {

Variable softmax(const Variable& x, int axis) {
  Tensor y = backend_of(x.value()).softmax(x.value(), axis);
  return Tape::result(y, {&x}, [&] {
    return [gx = x.gradient(), y, axis](const Tensor& dy) {
      gx->accumulate(backend_of(dy).softmax_backward(y, dy, axis));
    };
  });
}

Variable log_softmax(const Variable& x, int axis) {
  Tensor y = backend_of(x.value()).log_softmax(x.value(), axis);
  return Tape::result(y, {&x}, [&] {
    return [gx = x.gradient(), y, axis](const Tensor& dy) {
      gx->accumulate(backend_of(dy).log_softmax_backward(y, dy, axis));
    };
  });
}

Variable softmax_cross_entropy(const Variable& logits, const Tensor& target, const Tensor& class_weight,
                               const CrossEntropyParams& p) {
  CrossEntropyResult r = backend_of(logits.value()).softmax_cross_entropy(logits.value(), target, class_weight, p);
  return Tape::result(std::move(r.loss), {&logits}, [&] {
    return [gx = logits.gradient(), log_prob = r.log_prob, target, class_weight, p](const Tensor& dy) {
      gx->accumulate(backend_of(dy).softmax_cross_entropy_backward(log_prob, target, class_weight, dy, p));
    };
  });
}

Variable bce_with_logits(const Variable& logits, const Tensor& target, const Tensor& pos_weight, const BceParams& p) {
  return Tape::result(backend_of(logits.value()).bce_with_logits(logits.value(), target, pos_weight, p), {&logits}, [&] {
    return [logits, target, pos_weight, p](const Tensor& dy) {
      logits.gradient()->accumulate(
          backend_of(dy).bce_with_logits_backward(logits.value(), target, pos_weight, dy, p));
    };
  });
}

}  // namespace engine

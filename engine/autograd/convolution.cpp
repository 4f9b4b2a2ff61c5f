#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "kernels/backend.h"

namespace engine {

Variable conv2d(const Variable& x, const Variable& weight, const Variable& bias, const Conv2dParams& p) {
  Tensor y = backend_of(x.value()).conv2d(x.value(), weight.value(), bias.value(), p);
  return Tape::result(std::move(y), {&x, &weight, &bias}, [&] {
    return [x, weight, bias, p](const Tensor& dy) {
      const Conv2dNeeds needs{x.requires_grad(), weight.requires_grad(), bias.requires_grad()};
      const Conv2dGrads g = backend_of(dy).conv2d_backward(x.value(), weight.value(), dy, p, needs);
      if (needs.dx) x.gradient()->accumulate(g.dx);
      if (needs.dw) weight.gradient()->accumulate(g.dw);
      if (needs.db) bias.gradient()->accumulate(g.db);
    };
  });
}

Variable matmul(const Variable& a, const Variable& b, bool transpose_a, bool transpose_b) {
  Tensor y = backend_of(a.value()).matmul(a.value(), b.value(), transpose_a, transpose_b);
  return Tape::result(std::move(y), {&a, &b}, [&] {
    return [a, b, transpose_a, transpose_b](const Tensor& dy) {
      // With A = op(a), B = op(b): dA = dy B^T, dB = A^T dy; a transposed operand gets the transposed gradient.
      Backend& k = backend_of(dy);
      if (a.requires_grad())
        a.gradient()->accumulate(transpose_a ? k.matmul(b.value(), dy, transpose_b, true)
                                             : k.matmul(dy, b.value(), false, !transpose_b));
      if (b.requires_grad())
        b.gradient()->accumulate(transpose_b ? k.matmul(dy, a.value(), true, transpose_a)
                                             : k.matmul(a.value(), dy, !transpose_a, false));
    };
  });
}

Variable linear(const Variable& x, const Variable& weight, const Variable& bias) {
  const Variable y = matmul(x, weight, false, true);
  return bias.defined() ? add(y, bias) : y;
}

}  // namespace engine

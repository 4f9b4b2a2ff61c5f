#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "kernels/backend.h"

namespace engine {

Variable activation(const Variable& x, const ActivationParams& p) {
  return Tape::result(backend_of(x.value()).activation(x.value(), p), {&x}, [&] {
    return [x, p](const Tensor& dy) {
      x.gradient()->accumulate(backend_of(dy).activation_backward(x.value(), dy, p));
    };
  });
}

Variable relu(const Variable& x) { return activation(x, {Activation::relu}); }

Variable add(const Variable& a, const Variable& b) {
  return Tape::result(backend_of(a.value()).add(a.value(), b.value()), {&a, &b}, [&] {
    // Only shapes are needed: the numbers of a and b may go.
    return [ga = a.gradient(), gb = b.gradient(), sa = a.shape(), sb = b.shape()](const Tensor& dy) {
      if (ga) ga->accumulate(backend_of(dy).sum_to(dy, sa));
      if (gb) gb->accumulate(backend_of(dy).sum_to(dy, sb));
    };
  });
}

Variable mul(const Variable& a, const Variable& b) {
  return Tape::result(backend_of(a.value()).mul(a.value(), b.value()), {&a, &b}, [&] {
    return [a, b](const Tensor& dy) {
      Backend& k = backend_of(dy);
      if (a.requires_grad()) a.gradient()->accumulate(k.sum_to(k.mul(dy, b.value()), a.shape()));
      if (b.requires_grad()) b.gradient()->accumulate(k.sum_to(k.mul(dy, a.value()), b.shape()));
    };
  });
}

Variable scale(const Variable& x, double factor) {
  return Tape::result(backend_of(x.value()).scale(x.value(), factor), {&x}, [&] {
    return [gx = x.gradient(), factor](const Tensor& dy) { gx->accumulate(backend_of(dy).scale(dy, factor)); };
  });
}

Variable cast(const Variable& x, DType dtype) {
  return x.value().dtype() == dtype ? x : cast_as(x, backend_of(x.value()).cast(x.value(), dtype));
}

Variable cast_as(const Variable& x, Tensor value) {
  return Tape::result(std::move(value), {&x}, [&] {
    return [gx = x.gradient(), from = x.value().dtype()](const Tensor& dy) {
      gx->accumulate(backend_of(dy).cast(dy, from));
    };
  });
}

Variable dropout(const Variable& x, double p, const RandomKey& key) {
  return Tape::result(backend_of(x.value()).dropout(x.value(), p, key), {&x}, [&] {
    return [gx = x.gradient(), p, key](const Tensor& dy) { gx->accumulate(backend_of(dy).dropout(dy, p, key)); };
  });
}

}  // namespace engine

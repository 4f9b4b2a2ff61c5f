#include <algorithm>

#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "kernels/backend.h"

namespace engine {
namespace {

// The shape a reduction has when the reduced dimensions stay with extent 1.
Shape kept(const Shape& shape, const std::vector<int>& axes) {
  Shape s = shape;
  for (int a : axes) s = s.with(a, 1);
  return s;
}

}  // namespace

Variable concat(const std::vector<Variable>& xs, int axis) {
  std::vector<Tensor> values;
  bool wanted = false;
  for (const Variable& x : xs) {
    values.push_back(x.value());
    wanted = wanted || x.requires_grad();
  }
  if (xs.empty()) throw UsageError("concat of nothing");
  Variable y(backend_of(values[0]).concat(values, axis));
  if (!wanted || !Tape::current()) return y;
  std::vector<std::pair<std::shared_ptr<Gradient>, Shape>> parts;
  for (const Variable& x : xs) parts.emplace_back(x.gradient(), x.shape());
  Tape::current()->record(y, [parts = std::move(parts), axis](const Tensor& dy) {
    std::vector<std::int64_t> begin(static_cast<std::size_t>(dy.shape().rank()), 0);
    for (const auto& [gradient, shape] : parts) {
      if (gradient) gradient->accumulate(backend_of(dy).slice(dy, begin, shape));
      begin[static_cast<std::size_t>(axis)] += shape[axis];
    }
  });
  return y;
}

Variable slice(const Variable& x, const std::vector<std::int64_t>& begin, const Shape& extent) {
  return Tape::result(backend_of(x.value()).slice(x.value(), begin, extent), {&x}, [&] {
    std::vector<std::int64_t> after(begin.size());
    for (int i = 0; i < extent.rank(); ++i) {
      const auto k = static_cast<std::size_t>(i);
      after[k] = x.shape()[i] - begin[k] - extent[i];
    }
    return [gx = x.gradient(), begin, after](const Tensor& dy) {
      gx->accumulate(backend_of(dy).pad(dy, begin, after, 0.0));
    };
  });
}

Variable pad(const Variable& x, const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after,
             double value) {
  return Tape::result(backend_of(x.value()).pad(x.value(), before, after, value), {&x}, [&] {
    return [gx = x.gradient(), before, shape = x.shape()](const Tensor& dy) {
      gx->accumulate(backend_of(dy).slice(dy, before, shape));
    };
  });
}

Variable reshape(const Variable& x, const Shape& shape) {
  return Tape::result(backend_of(x.value()).to_plain(x.value()).reshaped(shape), {&x}, [&] {
    return [gx = x.gradient(), shape = x.shape()](const Tensor& dy) {
      gx->accumulate(backend_of(dy).to_plain(dy).reshaped(shape));
    };
  });
}

Variable flatten(const Variable& x) {
  return reshape(x, {x.shape()[0], x.value().numel() / std::max<std::int64_t>(x.shape()[0], 1)});
}

Variable transpose(const Variable& x, const std::vector<int>& axes) {
  return Tape::result(backend_of(x.value()).transpose(x.value(), axes), {&x}, [&] {
    std::vector<int> inverse(axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) inverse[static_cast<std::size_t>(axes[i])] = static_cast<int>(i);
    return [gx = x.gradient(), inverse](const Tensor& dy) {
      gx->accumulate(backend_of(dy).transpose(dy, inverse));
    };
  });
}

Variable broadcast_to(const Variable& x, const Shape& shape) {
  return Tape::result(backend_of(x.value()).broadcast_to(x.value(), shape), {&x}, [&] {
    return [gx = x.gradient(), from = x.shape()](const Tensor& dy) {
      gx->accumulate(backend_of(dy).sum_to(dy, from));
    };
  });
}

Variable sum(const Variable& x, const std::vector<int>& axes, bool keep) {
  return Tape::result(backend_of(x.value()).sum(x.value(), axes, keep), {&x}, [&] {
    return [gx = x.gradient(), axes, shape = x.shape()](const Tensor& dy) {
      Backend& k = backend_of(dy);
      gx->accumulate(k.broadcast_to(k.to_plain(dy).reshaped(kept(shape, axes)), shape));
    };
  });
}

Variable mean(const Variable& x, const std::vector<int>& axes, bool keep) {
  return Tape::result(backend_of(x.value()).mean(x.value(), axes, keep), {&x}, [&] {
    return [gx = x.gradient(), axes, shape = x.shape()](const Tensor& dy) {
      Backend& k = backend_of(dy);
      const double share = static_cast<double>(dy.numel()) / static_cast<double>(shape.numel());
      gx->accumulate(k.broadcast_to(k.scale(k.to_plain(dy).reshaped(kept(shape, axes)), share), shape));
    };
  });
}

}  // namespace engine

// Elementwise operations: they run over physical memory, whatever its layout, as long as all operands share it.
#include <cmath>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/elementwise_loops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/support.h"

namespace engine {
namespace {

using cpu::Binary;
using cpu::Operand;
using Extents = std::vector<std::int64_t>;

// How an operation walks over its result: extents, and the strides of both operands (0 where broadcast).
struct Walk {
  Extents extents, a, b;
};

// Row-major strides of an operand inside a result of equal rank.
Extents strides_within(const Extents& operand) {
  Extents strides(operand.size());
  std::int64_t step = 1;
  for (std::size_t i = operand.size(); i-- > 0;) {
    strides[i] = operand[i] == 1 ? 0 : step;
    step *= operand[i];
  }
  return strides;
}

// Drops dimensions of extent 1 and joins neighbours that both operands pass through without a jump.
Walk simplified(const Extents& extents, const Extents& a_dims, const Extents& b_dims) {
  const Extents a = strides_within(a_dims), b = strides_within(b_dims);
  Walk w;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] == 1) continue;
    const bool joins = !w.extents.empty() && w.a.back() == a[i] * extents[i] && w.b.back() == b[i] * extents[i];
    if (joins) {
      w.extents.back() *= extents[i];
      w.a.back() = a[i];
      w.b.back() = b[i];
    } else {
      w.extents.push_back(extents[i]);
      w.a.push_back(a[i]);
      w.b.push_back(b[i]);
    }
  }
  while (w.extents.size() < 2) {
    w.extents.insert(w.extents.begin(), 1);
    w.a.insert(w.a.begin(), 0);
    w.b.insert(w.b.begin(), 0);
  }
  return w;
}

void walk(Binary op, const Walk& w, const float* a, const float* b, float* y) {
  const std::size_t rank = w.extents.size();
  const std::int64_t columns = w.extents[rank - 1], inner_rows = w.extents[rank - 2];
  const bool a_advances = w.a[rank - 1] != 0, b_advances = w.b[rank - 1] != 0;
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < rank; ++i) rows *= w.extents[i];
  if (rows == 1) {
    cpu::parallel_for(columns, cpu::elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
      cpu::combine(op, {a_advances ? a + begin : a, 0, a_advances}, {b_advances ? b + begin : b, 0, b_advances},
                   y + begin, 1, end - begin);
    });
    return;
  }
  const std::int64_t grain = std::max<std::int64_t>(1, cpu::elementwise_grain / columns);
  cpu::parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end;) {
      const std::int64_t first = row % inner_rows, count = std::min(inner_rows - first, end - row);
      std::int64_t a_at = first * w.a[rank - 2], b_at = first * w.b[rank - 2], rest = row / inner_rows;
      for (std::size_t i = rank - 2; i-- > 0; rest /= w.extents[i]) {
        a_at += rest % w.extents[i] * w.a[i];
        b_at += rest % w.extents[i] * w.b[i];
      }
      cpu::combine(op, {a + a_at, w.a[rank - 2], a_advances}, {b + b_at, w.b[rank - 2], b_advances}, y + row * columns,
                   count, columns);
      row += count;
    }
  });
}

Extents padded_to_rank(const Shape& s, int rank) {
  Extents dims(static_cast<std::size_t>(rank - s.rank()), 1);
  dims.insert(dims.end(), s.dims().begin(), s.dims().end());
  return dims;
}

// A gate or bias [1|N, C, 1|H, 1|W] can join a blocked tensor in its own layout: both have zeros as padding.
bool broadcasts_blocked(const Tensor& x, const Tensor& other) {
  return !x.plain() && other.shape().rank() == 4 && other.dim(1) == x.dim(1);
}

Tensor binary(const char* name, Binary op, const Tensor& a, const Tensor& b) {
  cpu::require_f32(name, a);
  cpu::require_f32(name, b);
  const Shape shape = broadcast(a.shape(), b.shape());
  if (b.shape() == shape && a.shape() != shape) return binary(name, op, b, a);  // both operations commute
  if (a.shape() == shape && (b.shape() == shape || broadcasts_blocked(a, b))) {
    const Tensor other = cpu::in_layout_of(b, a);
    Tensor y = cpu::empty_like(a);
    const Extents dims = cpu::physical_dims(a);
    if (y.numel() > 0)
      walk(op, simplified(dims, dims, cpu::physical_dims(other)), a.data<float>(), other.data<float>(),
           y.data<float>());
    return y;
  }
  const Tensor left = cpu::plain(a), right = cpu::plain(b);
  Tensor y = cpu::empty(shape);
  const int rank = shape.rank();
  if (y.numel() > 0)
    walk(op, simplified(shape.dims(), padded_to_rank(a.shape(), rank), padded_to_rank(b.shape(), rank)),
         left.data<float>(), right.data<float>(), y.data<float>());
  return y;
}

}  // namespace

Tensor CpuBackend::do_activation(const Tensor& x, const ActivationParams& p) {
  cpu::require_f32("activation", x);
  Tensor y = cpu::empty_like(x);
  const float* from = x.data<float>();
  float* to = y.data<float>();
  cpu::parallel_for(cpu::physical_numel(x), cpu::elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
    cpu::activate(p, from + begin, to + begin, end - begin);
  });
  // The two with f(0) != 0.
  if (p.kind == Activation::sigmoid || p.kind == Activation::hard_sigmoid) cpu::zero_padding(y);
  return y;
}

Tensor CpuBackend::do_activation_backward(const Tensor& x, const Tensor& dy_any, const ActivationParams& p) {
  cpu::require_f32("activation_backward", x);
  check_same_shape("activation_backward", x, dy_any);
  const Tensor dy = cpu::in_layout_of(dy_any, x);
  Tensor dx = cpu::empty_like(x);
  const float *from = x.data<float>(), *cotangent = dy.data<float>();
  float* to = dx.data<float>();
  cpu::parallel_for(cpu::physical_numel(x), cpu::elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
    cpu::activate_backward(p, from + begin, cotangent + begin, to + begin, end - begin);
  });
  return dx;
}

Tensor CpuBackend::do_add(const Tensor& a, const Tensor& b) { return binary("add", Binary::add, a, b); }

Tensor CpuBackend::do_mul(const Tensor& a, const Tensor& b) { return binary("mul", Binary::mul, a, b); }

Tensor CpuBackend::do_scale(const Tensor& x, double factor) {
  cpu::require_f32("scale", x);
  Tensor y = cpu::empty_like(x);
  const float* from = x.data<float>();
  float* to = y.data<float>();
  cpu::parallel_for(cpu::physical_numel(x), cpu::elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
    cpu::scale(from + begin, static_cast<float>(factor), to + begin, end - begin);
  });
  if (!std::isfinite(factor)) cpu::zero_padding(y);
  return y;
}

void CpuBackend::do_accumulate_(const Tensor& acc, const Tensor& x_any) {
  cpu::require_f32("accumulate_", acc);
  check_same_shape("accumulate_", acc, x_any);
  const Tensor x = cpu::in_layout_of(x_any, acc);
  const float* from = x.data<float>();
  float* to = acc.data<float>();
  cpu::parallel_for(cpu::physical_numel(acc), cpu::elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
    cpu::accumulate(to + begin, from + begin, end - begin);
  });
  cpu::mark_written(acc);
}

Tensor CpuBackend::do_dropout(const Tensor& x_any, double p, const RandomKey& key) {
  cpu::require_f32("dropout", x_any);
  if (!(p >= 0.0 && p < 1.0)) throw UsageError("dropout: expected a probability in [0, 1), found {}", p);
  const Tensor x = cpu::plain(x_any);  // elements are numbered in row-major order
  Tensor y = cpu::empty(x.shape());
  // A uniform number is k * 2^-24, and k * 2^-24 < p where k < ceil(p * 2^24).
  const auto threshold = static_cast<std::uint32_t>(std::ceil(p * 0x1p24));
  const auto factor = static_cast<float>(1.0 / (1.0 - p));
  const float* from = x.data<float>();
  float* to = y.data<float>();
  cpu::parallel_for(x.numel(), cpu::elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
    cpu::drop(from, to, begin, end, key, threshold, factor);
  });
  return y;
}

}  // namespace engine

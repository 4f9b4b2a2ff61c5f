// Sums and means. Memory is cut into pieces whose size depends on the shape alone; pieces are summed in double and
// combined in order, so the bits do not depend on the number of threads.
#include <algorithm>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/reduction_loops.h"
#include "kernels/cpu/support.h"

namespace engine {
namespace {

using Extents = std::vector<std::int64_t>;

constexpr std::int64_t piece = 1 << 16;  // elements summed before partial sums are written down

struct Axis {
  std::int64_t extent;
  bool reduced;
};

// Neighbours that are both reduced or both kept become one; extents of 1 vanish.
std::vector<Axis> merged(const Extents& extents, const std::vector<bool>& reduced) {
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] == 1) continue;
    if (!axes.empty() && axes.back().reduced == reduced[i])
      axes.back().extent *= extents[i];
    else
      axes.push_back({extents[i], reduced[i]});
  }
  return axes;
}

// Offsets of all positions along the axes of one kind, leaving out the last axis.
Extents offsets_of(const std::vector<Axis>& axes, bool reduced) {
  Extents offsets{0};
  std::int64_t stride = 1;
  std::vector<std::int64_t> strides(axes.size());
  for (std::size_t i = axes.size(); i-- > 0; stride *= axes[i].extent) strides[i] = stride;
  for (std::size_t i = 0; i + 1 < axes.size(); ++i) {
    if (axes[i].reduced != reduced) continue;
    Extents longer;
    longer.reserve(offsets.size() * static_cast<std::size_t>(axes[i].extent));
    for (const std::int64_t base : offsets)
      for (std::int64_t k = 0; k < axes[i].extent; ++k) longer.push_back(base + k * strides[i]);
    offsets = std::move(longer);
  }
  return offsets;
}

// The sum of `parts` partial sums that lie `stride` apart, in order.
double combined(const double* partial, std::int64_t parts, std::int64_t stride) {
  double sum = 0;
  for (std::int64_t p = 0; p < parts; ++p) sum += partial[p * stride];
  return sum;
}

// The last axis is reduced: every result is a sum of contiguous rows.
void reduce_rows(const float* x, const std::vector<Axis>& axes, double factor, float* y) {
  const Extents kept = offsets_of(axes, false), reduced = offsets_of(axes, true);
  const std::int64_t length = axes.back().extent, rows = static_cast<std::int64_t>(reduced.size());
  const std::int64_t cuts = (length + piece - 1) / piece;  // of one row
  const std::int64_t rows_per_part = std::max<std::int64_t>(1, piece / length);
  const std::int64_t parts = (rows + rows_per_part - 1) / rows_per_part * cuts;
  std::vector<double> partial(kept.size() * static_cast<std::size_t>(parts), 0.0);
  const std::int64_t work = std::min(piece, length) * std::min(rows, rows_per_part);
  const std::int64_t units = static_cast<std::int64_t>(partial.size());
  cpu::parallel_for(units, cpu::elementwise_grain / work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t part = unit % parts, first = part / cuts * rows_per_part, cut = part % cuts * piece;
      const float* base = x + kept[static_cast<std::size_t>(unit / parts)];
      double sum = 0;
      for (std::int64_t r = first; r < std::min(rows, first + rows_per_part); ++r)
        sum += cpu::sum_row(base + reduced[static_cast<std::size_t>(r)] + cut, std::min(piece, length - cut));
      partial[static_cast<std::size_t>(unit)] = sum;
    }
  });
  for (std::size_t k = 0; k < kept.size(); ++k)
    y[k] = static_cast<float>(combined(partial.data() + k * static_cast<std::size_t>(parts), parts, 1) * factor);
}

// The last axis is kept: whole rows are added to each other.
void reduce_columns(const float* x, const std::vector<Axis>& axes, double factor, float* y) {
  // The reduced axis just before the last one is walked by stride; further ones by a table.
  const std::int64_t length = axes.back().extent;
  std::vector<Axis> outer(axes.begin(), axes.end() - 1);
  const std::int64_t rows = outer.empty() ? 1 : outer.back().extent;
  const Extents kept = offsets_of(outer, false), reduced = offsets_of(outer, true);
  const std::int64_t strip = std::min<std::int64_t>(length, 4096), strips = (length + strip - 1) / strip;
  const std::int64_t rows_per_cut = std::max<std::int64_t>(1, piece / strip);
  const std::int64_t cuts = (rows + rows_per_cut - 1) / rows_per_cut;
  const std::int64_t parts = static_cast<std::int64_t>(reduced.size()) * cuts;
  const std::int64_t units = static_cast<std::int64_t>(kept.size()) * strips;
  // One unit of work: a strip of one result row, one part of its sum.
  std::vector<double> partial(static_cast<std::size_t>(units * parts * strip), 0.0);
  const std::int64_t work = strip * std::min(rows, rows_per_cut);
  cpu::parallel_for(units * parts, cpu::elementwise_grain / work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t unit = i / parts, part = i % parts;
      const std::int64_t first = part % cuts * rows_per_cut, column = unit % strips * strip;
      const std::int64_t base =
          kept[static_cast<std::size_t>(unit / strips)] + reduced[static_cast<std::size_t>(part / cuts)];
      cpu::sum_columns(x + (base + first) * length + column, length, std::min(rows_per_cut, rows - first),
                       std::min(strip, length - column), partial.data() + i * strip);
    }
  });
  cpu::parallel_for(units, cpu::elementwise_grain / (parts * strip), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t column = unit % strips * strip;
      float* to = y + unit / strips * length + column;
      const double* from = partial.data() + unit * parts * strip;
      for (std::int64_t c = 0; c < std::min(strip, length - column); ++c)
        to[c] = static_cast<float>(combined(from + c, parts, strip) * factor);
    }
  });
}

// Sums x over the dimensions marked in `reduced` and multiplies by `factor`; those dimensions stay with extent 1.
Tensor reduce(const char* op, const Tensor& x_any, std::vector<bool> reduced, double factor) {
  cpu::require_f32(op, x_any);
  Shape shape = x_any.shape();
  for (int i = 0; i < shape.rank(); ++i)
    if (reduced[static_cast<std::size_t>(i)]) shape = shape.with(i, 1);
  // Channels are spread over two physical dimensions: they can be kept as they lie, but not summed.
  const Tensor x = !x_any.plain() && reduced[1] ? cpu::plain(x_any) : x_any;
  if (!x.plain()) reduced.push_back(false);
  Tensor y = cpu::empty_like(x, shape, DType::f32);
  if (x.numel() == 0) {
    std::fill_n(y.data<float>(), cpu::physical_numel(y), static_cast<float>(0.0 * factor));
    return cpu::plain(y);
  }
  const std::vector<Axis> axes = merged(cpu::physical_dims(x), reduced);
  if (!axes.empty() && axes.back().reduced)
    reduce_rows(x.data<float>(), axes, factor, y.data<float>());
  else
    reduce_columns(x.data<float>(), axes.empty() ? std::vector<Axis>{{1, false}} : axes, factor, y.data<float>());
  return cpu::plain(y);
}

Tensor reduce_axes(const char* op, const Tensor& x, const std::vector<int>& axes, bool keep, bool average) {
  const Shape shape = check_reduction(op, x, axes, keep);
  std::vector<bool> reduced(static_cast<std::size_t>(x.shape().rank()), false);
  double count = 1;
  for (const int axis : axes) {
    reduced[static_cast<std::size_t>(axis)] = true;
    count *= static_cast<double>(x.dim(axis));
  }
  return reduce(op, x, std::move(reduced), average ? 1.0 / count : 1.0).reshaped(shape);
}

}  // namespace

Tensor CpuBackend::do_sum(const Tensor& x, const std::vector<int>& axes, bool keep) {
  return reduce_axes("sum", x, axes, keep, false);
}

Tensor CpuBackend::do_mean(const Tensor& x, const std::vector<int>& axes, bool keep) {
  return reduce_axes("mean", x, axes, keep, true);
}

Tensor CpuBackend::do_sum_to(const Tensor& x, const Shape& shape) {
  check_sum_to(x.shape(), shape);
  if (x.shape() == shape) return x;
  const int missing = x.shape().rank() - shape.rank();
  std::vector<bool> reduced(static_cast<std::size_t>(x.shape().rank()));
  for (int i = 0; i < x.shape().rank(); ++i)
    reduced[static_cast<std::size_t>(i)] = i < missing || (shape[i - missing] == 1 && x.dim(i) != 1);
  return reduce("sum_to", x, std::move(reduced), 1.0).reshaped(shape);
}

}  // namespace engine

#include "kernels/cuda/shape.h"

#include <optional>

#include "kernels/checks.h"
#include "kernels/cuda/broadcast.h"
#include "kernels/cuda/movement.h"
#include "kernels/cuda/strided_copy.h"

namespace engine::ENGINE_CUDA_NS {

static std::int64_t offset(const std::vector<std::int64_t>& index, const std::vector<std::int64_t>& strides) {
  std::int64_t at = 0;
  for (std::size_t i = 0; i < index.size(); ++i) at += index[i] * strides[i];
  return at;
}

// Writes x into y with its first element at `begin`.
static void place(Context& c, const Tensor& x, const Tensor& y, const std::vector<std::int64_t>& begin) {
  const auto strides = memory_strides(y);
  strided_copy(c, x.shape().dims(), {x, 0, memory_strides(x)}, {y, offset(begin, strides), strides});
}

Tensor concat(Context& c, const std::vector<Tensor>& xs, int axis) {
  const Shape shape = check_concat(xs, axis);
  Tensor y = empty_like(c, xs[0], shape, xs[0].dtype());
  std::vector<std::int64_t> begin(shape.dims().size(), 0);
  for (const Tensor& x : xs) {
    place(c, x, y, begin);
    begin[static_cast<std::size_t>(axis)] += x.dim(axis);
  }
  return y;
}

Tensor slice(Context& c, const Tensor& x, const std::vector<std::int64_t>& begin, const Shape& extent) {
  check_slice(x, begin, extent);
  Tensor y = empty_like(c, x, extent, x.dtype());
  const auto strides = memory_strides(x);
  strided_copy(c, extent.dims(), {x, offset(begin, strides), strides}, {y, 0, memory_strides(y)});
  return y;
}

Tensor pad(Context& c, const Tensor& x, const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after,
           double value) {
  Tensor y = empty_like(c, x, check_pad(x, before, after), x.dtype());
  fill_(c, y, value);
  place(c, x, y, before);
  return y;
}

// Matrices whose rows and columns change places, and how many of them.
struct Matrices {
  std::int64_t batch, rows, columns;
};

// Where the axes are [batch..., columns..., rows...] of a plain tensor, the permutation is a transposition.
static std::optional<Matrices> as_matrices(const Tensor& x, const std::vector<int>& axes) {
  const int rank = static_cast<int>(axes.size());
  int lead = 0;
  while (lead < rank && axes[static_cast<std::size_t>(lead)] == lead) ++lead;
  if (lead == rank) return std::nullopt;
  const int split = axes[static_cast<std::size_t>(lead)];  // the first of the columns' axes
  for (int i = lead; i < rank; ++i) {
    const int expected = i - lead < rank - split ? split + (i - lead) : lead + (i - lead) - (rank - split);
    if (axes[static_cast<std::size_t>(i)] != expected) return std::nullopt;
  }
  Matrices m{1, 1, 1};
  for (int i = 0; i < rank; ++i) (i < lead ? m.batch : i < split ? m.rows : m.columns) *= x.dim(i);
  return m;
}

Tensor transpose(Context& c, const Tensor& x_any, const std::vector<int>& axes) {
  const Shape shape = check_transpose(x_any, axes);
  const Tensor x = to_plain(c, x_any);
  Tensor y = empty(c, shape, x.dtype());
  // Tiles through shared memory read and write whole lines; a strided copy would read one element a line.
  if (const auto m = as_matrices(x, axes)) {
    transpose_matrices(c, x.dtype(), x.raw(), y.raw(), m->batch, m->rows, m->columns);
    return y;
  }
  const auto own = memory_strides(x);
  std::vector<std::int64_t> strides;
  for (const int a : axes) strides.push_back(own[static_cast<std::size_t>(a)]);
  strided_copy(c, shape.dims(), {x, 0, strides}, {y, 0, memory_strides(y)});
  return y;
}

Tensor broadcast_to(Context& c, const Tensor& x, const Shape& shape) {
  check_broadcast_to(x.shape(), shape);
  Tensor y = empty(c, shape, x.dtype());
  strided_copy(c, shape.dims(), {x, 0, broadcast_strides(x, shape.rank())}, {y, 0, memory_strides(y)});
  return y;
}

}  // namespace engine::ENGINE_CUDA_NS

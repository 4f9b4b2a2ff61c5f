// Operations that only move elements to other places of another shape, for every element type. Blocked tensors stay
// blocked where whole channel blocks move.
#include <algorithm>
#include <numeric>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/movement_loops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/strided_copy.h"
#include "kernels/cpu/support.h"

namespace engine {
namespace {

using Extents = std::vector<std::int64_t>;

std::byte* address(const Tensor& t, std::int64_t element) {
  return static_cast<std::byte*>(t.raw()) + element * static_cast<std::int64_t>(size_of(t.dtype()));
}

Extents row_major_strides(const Extents& extents) {
  Extents strides(extents.size());
  std::int64_t step = 1;
  for (std::size_t i = extents.size(); i-- > 0; step *= extents[i]) strides[i] = step;
  return strides;
}

// Copies the box of `extents` between positions of two row-major (or physical) tensors.
void copy_box(const Extents& extents, const Tensor& from, const Extents& from_dims, const Extents& from_begin,
              const Tensor& to, const Extents& to_dims, const Extents& to_begin) {
  const Extents from_strides = row_major_strides(from_dims), to_strides = row_major_strides(to_dims);
  const auto offset = [](const Extents& begin, const Extents& strides) {
    return std::inner_product(begin.begin(), begin.end(), strides.begin(), std::int64_t{0});
  };
  cpu::strided_copy(from.dtype(), extents, address(from, offset(from_begin, from_strides)), from_strides,
                    address(to, offset(to_begin, to_strides)), to_strides);
}

// A logical position or margin of a rank-4 tensor in physical dimensions; channels fall on a block's edge.
Extents physical(Extents at, std::int64_t block) {
  if (block == 1) return at;
  at[1] /= block;
  at.push_back(0);
  return at;
}

}  // namespace

Tensor CpuBackend::do_concat(const std::vector<Tensor>& xs, int axis) {
  const Shape shape = check_concat(xs, axis);
  // Blocked, unless a piece would begin inside a block.
  int block = cpu::block_of(xs.front());
  for (std::size_t i = 0; i < xs.size(); ++i)
    if (cpu::block_of(xs[i]) != block || (axis == 1 && i + 1 < xs.size() && xs[i].dim(1) % block != 0)) block = 1;
  Tensor y = cpu::empty_blocked(shape, block, xs.front().dtype());
  const Extents y_dims = cpu::physical_dims(y);
  Extents at(y_dims.size(), 0);
  for (const Tensor& x_any : xs) {
    const Tensor x = cpu::blocked(x_any, block);
    const Extents dims = cpu::physical_dims(x);
    copy_box(dims, x, dims, Extents(dims.size(), 0), y, y_dims, at);
    at[static_cast<std::size_t>(axis)] += dims[static_cast<std::size_t>(axis)];
  }
  return y;
}

Tensor CpuBackend::do_slice(const Tensor& x_any, const std::vector<std::int64_t>& begin, const Shape& extent) {
  check_slice(x_any, begin, extent);
  int block = cpu::block_of(x_any);
  // Blocked, unless the slice begins inside a block or leaves channels of its last block out.
  const auto splits_block = [&] {
    return begin[1] % block != 0 || (extent[1] % block != 0 && begin[1] + extent[1] != x_any.dim(1));
  };
  if (block > 1 && splits_block()) block = 1;
  const Tensor x = cpu::blocked(x_any, block);
  Tensor y = cpu::empty_blocked(extent, block, x.dtype());
  const Extents dims = cpu::physical_dims(y);
  copy_box(dims, x, cpu::physical_dims(x), physical(begin, block), y, dims, Extents(dims.size(), 0));
  return y;
}

Tensor CpuBackend::do_pad(const Tensor& x_any, const std::vector<std::int64_t>& before,
                          const std::vector<std::int64_t>& after, double value) {
  const Shape shape = check_pad(x_any, before, after);
  int block = cpu::block_of(x_any);
  if (block > 1 && (before[1] % block != 0 || (x_any.dim(1) % block != 0 && after[1] != 0 && value != 0.0))) block = 1;
  const Tensor x = cpu::blocked(x_any, block);
  Tensor y = cpu::empty_blocked(shape, block, x.dtype());
  do_fill_(y, value);
  const Extents dims = cpu::physical_dims(x);
  copy_box(dims, x, dims, Extents(dims.size(), 0), y, cpu::physical_dims(y), physical(before, block));
  return y;
}

Tensor CpuBackend::do_transpose(const Tensor& x_any, const std::vector<int>& axes) {
  const Shape shape = check_transpose(x_any, axes);
  const Tensor x = cpu::plain(x_any);
  Tensor y = cpu::empty(shape, x.dtype());
  const Extents strides = x.shape().strides();
  Extents from(axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) from[i] = strides[static_cast<std::size_t>(axes[i])];
  cpu::strided_copy(x.dtype(), shape.dims(), x.raw(), from, y.raw(), shape.strides());
  return y;
}

Tensor CpuBackend::do_broadcast_to(const Tensor& x_any, const Shape& shape) {
  check_broadcast_to(x_any.shape(), shape);
  const Tensor x = cpu::plain(x_any);
  Tensor y = cpu::empty(shape, x.dtype());
  const Extents strides = x.shape().strides();
  Extents from(static_cast<std::size_t>(shape.rank()), 0);
  const int missing = shape.rank() - x.shape().rank();
  for (int i = 0; i < x.shape().rank(); ++i)
    if (x.dim(i) != 1) from[static_cast<std::size_t>(i + missing)] = strides[static_cast<std::size_t>(i)];
  cpu::strided_copy(x.dtype(), shape.dims(), x.raw(), from, y.raw(), shape.strides());
  return y;
}

}  // namespace engine

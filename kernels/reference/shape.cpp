// Operations that only move elements, for every element type: each is a list of source positions.
#include <cstring>

#include "kernels/checks.h"
#include "kernels/reference/indexing.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

using reference::for_each_index;
using reference::Index;
using reference::offset;

void copy_element(const Tensor& to, std::int64_t i, const Tensor& from, std::int64_t j) {
  const std::size_t size = size_of(to.dtype());
  std::memcpy(static_cast<std::byte*>(to.raw()) + static_cast<std::size_t>(i) * size,
              static_cast<const std::byte*>(from.raw()) + static_cast<std::size_t>(j) * size, size);
}

Tensor empty(const Shape& shape, DType dtype) { return Tensor(shape, dtype, Device::reference); }

// Writes x into y with its first element at `begin`.
void place(const Tensor& x, const Tensor& y, const Index& begin) {
  const auto strides = y.shape().strides();
  const std::int64_t start = offset(begin, strides);
  for_each_index(x.shape(), [&](std::int64_t i, const Index& index) {
    copy_element(y, start + offset(index, strides), x, i);
  });
}

}  // namespace

Tensor ReferenceBackend::do_concat(const std::vector<Tensor>& xs, int axis) {
  const Shape shape = check_concat(xs, axis);
  Tensor y = empty(shape, xs[0].dtype());
  Index begin(y.shape().dims().size(), 0);
  for (const Tensor& x : xs) {
    place(x, y, begin);
    begin[static_cast<std::size_t>(axis)] += x.dim(axis);
  }
  return y;
}

Tensor ReferenceBackend::do_slice(const Tensor& x, const std::vector<std::int64_t>& begin, const Shape& extent) {
  check_slice(x, begin, extent);
  Tensor y = empty(extent, x.dtype());
  const auto strides = x.shape().strides();
  const std::int64_t start = offset(begin, strides);
  for_each_index(extent, [&](std::int64_t i, const Index& index) {
    copy_element(y, i, x, start + offset(index, strides));
  });
  return y;
}

Tensor ReferenceBackend::do_pad(const Tensor& x, const std::vector<std::int64_t>& before,
                                const std::vector<std::int64_t>& after, double value) {
  Tensor y = empty(check_pad(x, before, after), x.dtype());
  do_fill_(y, value);
  place(x, y, before);
  return y;
}

Tensor ReferenceBackend::do_transpose(const Tensor& x, const std::vector<int>& axes) {
  Tensor y = empty(check_transpose(x, axes), x.dtype());
  const auto own = x.shape().strides();
  std::vector<std::int64_t> strides;
  for (int a : axes) strides.push_back(own[static_cast<std::size_t>(a)]);
  for_each_index(y.shape(), [&](std::int64_t i, const Index& index) { copy_element(y, i, x, offset(index, strides)); });
  return y;
}

Tensor ReferenceBackend::do_broadcast_to(const Tensor& x, const Shape& shape) {
  check_broadcast_to(x.shape(), shape);
  Tensor y = empty(shape, x.dtype());
  const auto strides = reference::broadcast_strides(x.shape(), shape);
  for_each_index(shape, [&](std::int64_t i, const Index& index) { copy_element(y, i, x, offset(index, strides)); });
  return y;
}

}  // namespace engine

// Walking over the elements of a shape.
#pragma once

#include <vector>

#include "engine/tensor/shape.h"

namespace engine::reference {

using Index = std::vector<std::int64_t>;

/// Calls f(flat position, index) for every element in row-major order.
template <class F>
void for_each_index(const Shape& shape, F&& f) {
  Index index(shape.dims().size(), 0);
  const std::int64_t n = shape.numel();
  for (std::int64_t i = 0; i < n; ++i) {
    f(i, index);
    for (int d = shape.rank() - 1; d >= 0; --d) {
      if (++index[static_cast<std::size_t>(d)] < shape[d]) break;
      index[static_cast<std::size_t>(d)] = 0;
    }
  }
}

inline std::int64_t offset(const Index& index, const std::vector<std::int64_t>& strides) {
  std::int64_t at = 0;
  for (std::size_t i = 0; i < index.size(); ++i) at += index[i] * strides[i];
  return at;
}

/// Strides that read `from` as if it were repeated to `to`: 0 where it is.
inline std::vector<std::int64_t> broadcast_strides(const Shape& from, const Shape& to) {
  const auto own = from.strides();
  std::vector<std::int64_t> strides(to.dims().size(), 0);
  for (int i = 1; i <= from.rank(); ++i)
    if (from[-i] != 1) strides[strides.size() - static_cast<std::size_t>(i)] = own[own.size() - static_cast<std::size_t>(i)];
  return strides;
}

}  // namespace engine::reference

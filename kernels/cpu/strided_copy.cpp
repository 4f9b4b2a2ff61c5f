#include "kernels/cpu/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/support.h"

namespace engine::cpu {
namespace {

using Extents = std::vector<std::int64_t>;

struct Box {
  Extents extents, from, to;

  std::size_t rank() const { return extents.size(); }
  void erase(std::size_t i) {
    const auto at = static_cast<std::ptrdiff_t>(i);
    extents.erase(extents.begin() + at), from.erase(from.begin() + at), to.erase(to.begin() + at);
  }
  void make_second_last(std::size_t i) {
    for (Extents* v : {&extents, &from, &to})
      std::rotate(v->begin() + static_cast<std::ptrdiff_t>(i), v->begin() + static_cast<std::ptrdiff_t>(i) + 1,
                  v->end() - 1);
  }
};

// Drops extents of 1, joins dimensions that both sides pass through without a jump, pads to rank 2.
void simplify(Box& b) {
  for (std::size_t i = b.rank(); i-- > 0;)
    if (b.extents[i] == 1) b.erase(i);
  for (std::size_t i = b.rank(); i-- > 1;)
    if (b.from[i - 1] == b.from[i] * b.extents[i] && b.to[i - 1] == b.to[i] * b.extents[i]) {
      b.extents[i] *= b.extents[i - 1];
      b.erase(i - 1);
    }
  while (b.rank() < 2) {
    b.extents.insert(b.extents.begin(), 1);
    b.from.insert(b.from.begin(), 0);
    b.to.insert(b.to.begin(), 0);
  }
}

template <class T>
void copy_row(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride, std::int64_t n) {
  if (from_stride == 1 && to_stride == 1)
    std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
  else if (from_stride == 0 && to_stride == 1)
    std::fill_n(to, n, *from);
  else
    for (std::int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
}

// The last two dimensions in squares, so that a transposition uses whole cache lines on both sides.
template <class T>
void copy_matrix(const Box& b, const T* from, T* to, std::int64_t begin, std::int64_t end) {
  const std::size_t r = b.rank();
  const std::int64_t columns = b.extents[r - 1];
  const bool transposing = b.from[r - 1] > 1;
  const std::int64_t tile = transposing ? 64 : columns, height = transposing ? 16 : 1;
  for (std::int64_t row = begin; row < end; row += height)
    for (std::int64_t column = 0; column < columns; column += tile)
      for (std::int64_t i = row; i < std::min(end, row + height); ++i)
        copy_row(from + i * b.from[r - 2] + column * b.from[r - 1], b.from[r - 1],
                 to + i * b.to[r - 2] + column * b.to[r - 1], b.to[r - 1], std::min(tile, columns - column));
}

template <class T>
void copy_box(const Box& b, const T* from, T* to) {
  const std::size_t r = b.rank();
  std::int64_t rows = 1;
  for (std::size_t i = 0; i + 1 < r; ++i) rows *= b.extents[i];
  const std::int64_t columns = b.extents[r - 1], inner = b.extents[r - 2];
  parallel_for(rows, std::max<std::int64_t>(1, elementwise_grain / columns), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end;) {
      const std::int64_t first = row % inner, last = std::min(inner, first + end - row);
      std::int64_t from_at = 0, to_at = 0, rest = row / inner;
      for (std::size_t i = r - 2; i-- > 0; rest /= b.extents[i]) {
        from_at += rest % b.extents[i] * b.from[i];
        to_at += rest % b.extents[i] * b.to[i];
      }
      copy_matrix(b, from + from_at, to + to_at, first, last);
      row += last - first;
    }
  });
}

}  // namespace

void parallel_copy(const void* from, void* to, std::int64_t bytes) {
  if (from == to) return;
  parallel_for(bytes, std::int64_t{1} << 17, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(static_cast<std::byte*>(to) + begin, static_cast<const std::byte*>(from) + begin,
                static_cast<std::size_t>(end - begin));
  });
}

void strided_copy(DType dtype, Extents extents, const void* from, Extents from_strides, void* to, Extents to_strides) {
  if (std::find(extents.begin(), extents.end(), 0) != extents.end()) return;
  Box b{std::move(extents), std::move(from_strides), std::move(to_strides)};
  simplify(b);
  if (b.extents.front() == 1 && b.rank() == 2 && b.from.back() == 1 && b.to.back() == 1)
    return parallel_copy(from, to, b.extents.back() * static_cast<std::int64_t>(size_of(dtype)));
  // Where the rows of `to` do not run along `from`, the dimension that does becomes the second last.
  if (b.from.back() != 1)
    for (std::size_t i = 0; i + 2 < b.rank(); ++i)
      if (b.from[i] == 1) {
        b.make_second_last(i);
        break;
      }
  with_element(dtype, [&](auto sample) {
    using T = decltype(sample);
    copy_box(b, static_cast<const T*>(from), static_cast<T*>(to));
  });
}

}  // namespace engine::cpu

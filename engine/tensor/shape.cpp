#include "engine/tensor/shape.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/tensor/error.h"

namespace engine {

void Shape::check() const {
  constexpr std::int64_t limit = std::int64_t{1} << 60;  // times 8 bytes still fits 64 bits
  std::int64_t product = 1;
  for (std::int64_t d : dims_) {
    if (d < 0) throw UsageError("shape {}: negative extent", str());
    // An extent of 0 does not excuse the others: strides multiply them too.
    if (d != 0 && (__builtin_mul_overflow(product, d, &product) || product > limit))
      throw UsageError("shape {}: too many elements", str());
  }
}

std::int64_t Shape::numel() const {
  std::int64_t n = 1;
  for (std::int64_t d : dims_) n *= d;
  return n;
}

std::vector<std::int64_t> Shape::strides() const {
  std::vector<std::int64_t> s(dims_.size());
  std::int64_t step = 1;
  for (std::size_t i = dims_.size(); i-- > 0;) {
    s[i] = step;
    step *= dims_[i];
  }
  return s;
}

std::string Shape::str() const { return fmt::format("[{}]", fmt::join(dims_, ", ")); }

Shape Shape::with(int i, std::int64_t extent) const {
  auto d = dims_;
  d[static_cast<std::size_t>(i < 0 ? i + rank() : i)] = extent;
  return Shape(std::move(d));
}

Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<std::int64_t> out(static_cast<std::size_t>(rank));
  for (int i = 1; i <= rank; ++i) {
    const std::int64_t da = i <= a.rank() ? a[-i] : 1, db = i <= b.rank() ? b[-i] : 1;
    if (da != db && da != 1 && db != 1) throw UsageError("shapes {} and {} do not broadcast", a.str(), b.str());
    out[static_cast<std::size_t>(rank - i)] = da == 1 ? db : da;
  }
  return Shape(std::move(out));
}

}  // namespace engine

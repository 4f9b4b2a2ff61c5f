// Dimensions of a tensor, outermost first. Images are NCHW, convolution weights OIHW.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace engine {

/// A list of extents; rank 0 is a scalar with one element.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) { check(); }
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) { check(); }

  int rank() const { return static_cast<int>(dims_.size()); }
  /// Extent of dimension i; negative i counts from the end.
  std::int64_t operator[](int i) const { return dims_[static_cast<std::size_t>(i < 0 ? i + rank() : i)]; }
  /// Number of elements (1 for a scalar).
  std::int64_t numel() const;
  const std::vector<std::int64_t>& dims() const { return dims_; }
  /// Row-major strides in elements.
  std::vector<std::int64_t> strides() const;
  bool operator==(const Shape&) const = default;
  /// "[2, 3, 32, 32]"
  std::string str() const;
  /// Shape with dimension i replaced.
  Shape with(int i, std::int64_t extent) const;

 private:
  void check() const;  // throws UsageError for a negative extent or extents whose product exceeds 2^60
  std::vector<std::int64_t> dims_;
};

/// NumPy broadcasting of two shapes. Throws UsageError where they do not fit.
Shape broadcast(const Shape& a, const Shape& b);

}  // namespace engine

// How the reference backend sees tensors: row-major arrays of doubles.
#pragma once

#include <span>
#include <vector>

#include "kernels/backend.h"

namespace engine::reference {

/// The elements of a floating tensor as doubles: the tensor's own memory when it holds f64, else a converted copy.
class Dense {
 public:
  explicit Dense(const Tensor& t);
  explicit Dense(Tensor&&) = delete;  // the view would outlive it
  const double* data() const { return view_.data(); }
  double operator[](std::int64_t i) const { return view_[static_cast<std::size_t>(i)]; }
  std::int64_t size() const { return static_cast<std::int64_t>(view_.size()); }

 private:
  std::vector<double> copy_;
  std::span<const double> view_;
};

using Doubles = std::vector<double>;

/// n zeros.
Doubles zeros(std::int64_t n);
/// A new tensor that holds these values, rounded to dtype.
Tensor store(const Doubles& values, const Shape& shape, DType dtype);
/// Writes over t's elements and marks them changed.
void store_into(const Tensor& t, const Doubles& values);

}  // namespace engine::reference

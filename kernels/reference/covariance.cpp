#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {

void ReferenceBackend::do_accumulate_covariance_(const Tensor& products_, const Tensor& sums_, const Tensor& x_,
                                                 const Tensor& pivot_) {
  check_covariance(products_, sums_, x_, pivot_);
  const reference::Dense x(x_), pivot(pivot_);
  reference::Doubles products = to_vector<double>(products_), sums = to_vector<double>(sums_);
  const std::int64_t n = x_.dim(0), p = x_.dim(1);
  const auto moved = [&](std::int64_t row, std::int64_t column) { return x[row * p + column] - pivot[column]; };
  for (std::int64_t i = 0; i < p; ++i) {
    for (std::int64_t j = 0; j < p; ++j) {
      double sum = 0;
      for (std::int64_t row = 0; row < n; ++row) sum += moved(row, i) * moved(row, j);
      products[static_cast<std::size_t>(i * p + j)] += sum;
    }
    double sum = 0;
    for (std::int64_t row = 0; row < n; ++row) sum += moved(row, i);
    sums[static_cast<std::size_t>(i)] += sum;
  }
  reference::store_into(products_, products);
  reference::store_into(sums_, sums);
}

}  // namespace engine

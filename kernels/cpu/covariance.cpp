// Covariances by OpenBLAS, a slice of rows at a time in double.
#include <cblas.h>

#include <algorithm>
#include <vector>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/support.h"

namespace engine {

void CpuBackend::do_accumulate_covariance_(const Tensor& products, const Tensor& sums, const Tensor& x,
                                           const Tensor& pivot) {
  check_covariance(products, sums, x, pivot);
  cpu::require_f32("accumulate_covariance_", x);
  const std::int64_t n = x.dim(0), p = x.dim(1);
  if (n == 0 || p == 0) return;
  // What stays in a cache while all its products are made.
  const std::int64_t slice = std::min<std::int64_t>(n, 256);
  std::vector<double> moved(static_cast<std::size_t>(slice * p));
  double* const to = products.data<double>();
  for (std::int64_t first = 0; first < n; first += slice) {
    const std::int64_t rows = std::min(slice, n - first);
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t i = 0; i < p; ++i) {
        const double d = static_cast<double>(x.data<float>()[(first + row) * p + i]) - pivot.data<double>()[i];
        moved[static_cast<std::size_t>(row * p + i)] = d;
        sums.data<double>()[i] += d;
      }
    const auto width = static_cast<blasint>(p);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, width, static_cast<blasint>(rows), 1.0, moved.data(), width, 1.0,
                to, width);
  }
  for (std::int64_t i = 0; i < p; ++i)
    for (std::int64_t j = 0; j < i; ++j) to[j * p + i] = to[i * p + j];
  cpu::mark_written(products);
  cpu::mark_written(sums);
}

}  // namespace engine

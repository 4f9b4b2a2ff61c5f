#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {

Tensor ReferenceBackend::do_matmul(const Tensor& a_, const Tensor& b_, bool transpose_a, bool transpose_b) {
  if (a_.shape().rank() != 2 || b_.shape().rank() != 2)
    throw UsageError("matmul: expected two matrices, found {} and {}", a_.shape().str(), b_.shape().str());
  const std::int64_t m = a_.dim(transpose_a ? 1 : 0), k = a_.dim(transpose_a ? 0 : 1);
  const std::int64_t kb = b_.dim(transpose_b ? 1 : 0), n = b_.dim(transpose_b ? 0 : 1);
  if (k != kb)
    throw UsageError("matmul: inner extents differ: {}{} and {}{}", a_.shape().str(), transpose_a ? "^T" : "",
                     b_.shape().str(), transpose_b ? "^T" : "");
  const reference::Dense a(a_), b(b_);
  reference::Doubles y = reference::zeros(m * n);
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t l = 0; l < k; ++l) {
      const double left = transpose_a ? a[l * m + i] : a[i * k + l];
      for (std::int64_t j = 0; j < n; ++j)
        y[static_cast<std::size_t>(i * n + j)] += left * (transpose_b ? b[j * k + l] : b[l * n + j]);
    }
  return reference::store(y, {m, n}, a_.dtype());
}

}  // namespace engine

// Matrix products by OpenBLAS.
#include <cblas.h>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/layout.h"

namespace engine {

Tensor CpuBackend::do_matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  if (a.dtype() != DType::f32 || b.dtype() != DType::f32)
    throw UsageError("matmul on device cpu computes in f32, found {} and {}", a.str(), b.str());
  if (a.shape().rank() != 2 || b.shape().rank() != 2)
    throw UsageError("matmul: expected two matrices, found {} and {}", a.shape().str(), b.shape().str());
  const std::int64_t m = a.dim(transpose_a ? 1 : 0), k = a.dim(transpose_a ? 0 : 1);
  const std::int64_t kb = b.dim(transpose_b ? 1 : 0), n = b.dim(transpose_b ? 0 : 1);
  if (k != kb)
    throw UsageError("matmul: inner extents differ: {}{} and {}{}", a.shape().str(), transpose_a ? "^T" : "",
                     b.shape().str(), transpose_b ? "^T" : "");
  Tensor y = cpu::empty({m, n});
  if (y.numel() == 0) return y;
  if (k == 0) {
    fill_(y, 0.0);
    return y;
  }
  const auto width = [](std::int64_t v) { return static_cast<blasint>(v); };
  cblas_sgemm(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, width(m),
              width(n), width(k), 1.0f, a.data<float>(), width(a.dim(1)), b.data<float>(), width(b.dim(1)), 0.0f,
              y.data<float>(), width(n));
  return y;
}

}  // namespace engine

#include "kernels/cuda/matmul.h"

#include <algorithm>
#include <limits>

#include "kernels/cuda/gemm_tile.cuh"
#include "kernels/cuda/ladder/steps.h"

namespace engine::ENGINE_CUDA_NS {

static gpu::cublas::Multiplier* library = nullptr;

void set_cublas(gpu::cublas::Multiplier* multiplier) { library = multiplier; }

// False, and nothing done, where cuBLAS does not compute it.
static bool multiply_by_library(const Tensor& a, const Tensor& b, const Tensor& y, std::int64_t k, bool transpose_a,
                                bool transpose_b, bool strict) {
  using gpu::cublas::DataType;
  const std::int64_t m = y.dim(0), n = y.dim(1), longest = std::max({m, n, k});
  if (!library || std::min({m, n, k}) == 0 || longest > std::numeric_limits<int>::max()) return false;
  const DType t = a.dtype();
  if (t != DType::f32 && t != DType::f16 && t != DType::bf16) return false;
  const DataType type = t == DType::f32 ? DataType::f32 : t == DType::f16 ? DataType::f16 : DataType::bf16;
  return library->multiply({a.raw(), b.raw(), y.raw(), static_cast<int>(m), static_cast<int>(n), static_cast<int>(k),
                            transpose_a, transpose_b, type, strict});
}

template <class T, int V, bool along_k>
static MatrixOperand<T, V, along_k> operand(const Tensor& x, std::int64_t outer, std::int64_t k) {
  return {pointer<const T>(x), x.dim(1), 0, static_cast<int>(outer), static_cast<int>(k)};
}

template <class T, int V>
static void multiply(Context& c, const Tensor& a, const Tensor& b, const Tensor& y, std::int64_t k, bool transpose_a,
                     bool transpose_b) {
  const std::int64_t m = y.dim(0), n = y.dim(1);
  const GemmOutput<T> out{pointer<T>(y), nullptr, n, 0, m * n};
  const Cost cost{static_cast<double>(a.bytes() + b.bytes() + y.bytes()),
                  2.0 * static_cast<double>(y.numel()) * static_cast<double>(k)};
  const auto with_right = [&](const auto& left) {
    if (transpose_b)
      gemm(c, "matmul", left, operand<T, V, true>(b, n, k), out, m, n, k, 1, cost);
    else
      gemm(c, "matmul", left, operand<T, V, false>(b, n, k), out, m, n, k, 1, cost);
  };
  if (transpose_a)
    with_right(operand<T, V, false>(a, m, k));
  else
    with_right(operand<T, V, true>(a, m, k));
}

Tensor matmul(Context& c, const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b, bool strict) {
  if (a.shape().rank() != 2 || b.shape().rank() != 2)
    throw UsageError("matmul: expected two matrices, found {} and {}", a.shape().str(), b.shape().str());
  if (a.dtype() != b.dtype()) throw UsageError("matmul: {} and {} differ in type", a.str(), b.str());
  const std::int64_t m = a.dim(transpose_a ? 1 : 0), k = a.dim(transpose_a ? 0 : 1);
  const std::int64_t kb = b.dim(transpose_b ? 1 : 0), n = b.dim(transpose_b ? 0 : 1);
  if (k != kb)
    throw UsageError("matmul: inner extents differ: {}{} and {}{}", a.shape().str(), transpose_a ? "^T" : "",
                     b.shape().str(), transpose_b ? "^T" : "");
  Tensor y = empty(c, {m, n}, a.dtype());
  if (matmul_step(c, a, b, y, transpose_a, transpose_b)) return y;
  if (c.kernels.matmul == 0 && multiply_by_library(a, b, y, k, transpose_a, transpose_b, strict)) return y;
  with_floating("matmul", a, [&](auto sample) {
    using T = decltype(sample);
    constexpr int vector = static_cast<int>(16 / sizeof(T));
    const bool fits = a.dim(1) % vector == 0 && b.dim(1) % vector == 0 && aligned(pointer<T>(a), pointer<T>(b));
    if (fits)
      multiply<T, vector>(c, a, b, y, k, transpose_a, transpose_b);
    else
      multiply<T, 1>(c, a, b, y, k, transpose_a, transpose_b);
  });
  return y;
}

}  // namespace engine::ENGINE_CUDA_NS

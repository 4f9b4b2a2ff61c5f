// A matrix product of the device against the reference.
#pragma once

#include "kernels/cuda/matmul.h"
#include "tests/cuda/compare.h"

namespace engine::test {

/// Of seeded normal numbers: a [m,k] and b [k,n], or their transposes where asked for.
inline void check_product(DType type, std::int64_t m, std::int64_t n, std::int64_t k, bool transpose_a,
                          bool transpose_b) {
  INFO(name_of(type), " ", m, " x ", n, " of ", k, transpose_a ? ", a transposed" : "",
       transpose_b ? ", b transposed" : "");
  const Tensor a = normal(transpose_a ? Shape{k, m} : Shape{m, k}, type, 60);
  const Tensor b = normal(transpose_b ? Shape{n, k} : Shape{k, n}, type, 61);
  const Tensor y = device::matmul(context(), on_device(a), on_device(b), transpose_a, transpose_b);
  const Tensor truth = reference().matmul(a, b, transpose_a, transpose_b);
  REQUIRE(y.shape() == truth.shape());
  REQUIRE(y.dtype() == type);
  CHECK(error(y, truth) <= conformance::tolerance(type, k).element);
}

}  // namespace engine::test

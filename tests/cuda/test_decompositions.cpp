#include "kernels/cuda/decompositions.h"
#include "tests/cuda/compare.h"
#include "tests/kernels/decompositions.h"

namespace {

Backend& backend() {
  test::device::register_cuda_backend();
  return backend_of(context().device());
}

}  // namespace

TEST_CASE("decompositions of matrices of every kind multiply back, with orthonormal vectors") {
  test::check_decompositions(backend());
}

TEST_CASE("eigenvalues and singular values are those of closed forms") { test::check_known_values(backend()); }

TEST_CASE("NaN and infinity have no decomposition, and nothing has an empty one") { test::check_refusals(backend()); }

TEST_CASE("svd takes rows that fill a block, and rests one of an odd number") {
  test::check_svd(backend(), test::random_matrix(3, 1030, 5), "wide rows");
  test::check_svd(backend(), test::random_matrix(517, 5, 6), "tall");
}

TEST_CASE("decompositions give the same bits each time, and leave what they are given as it is") {
  const test::Matrix a = test::random_matrix(30, 30, 7);
  const Tensor given = a.on(backend()), before = to_reference(given);
  const SvdResult first = device::svd(context(), given), second = device::svd(context(), given);
  CHECK(same_bits(to_reference(first.u), to_reference(second.u)));
  CHECK(same_bits(to_reference(first.s), to_reference(second.s)));
  CHECK(same_bits(to_reference(first.vt), to_reference(second.vt)));
  const EighResult one = device::eigh(context(), given), two = device::eigh(context(), given);
  CHECK(same_bits(to_reference(one.values), to_reference(two.values)));
  CHECK(same_bits(to_reference(one.vectors), to_reference(two.vectors)));
  CHECK(same_bits(to_reference(given), before));
}

#include "tests/kernels/decompositions.h"
#include "tests/kernels/support.h"

using namespace engine;

TEST_CASE("Decompositions of matrices of every kind multiply back, with orthonormal vectors") {
  test::register_backends();
  for (const Device device : {Device::reference, Device::cpu}) test::check_decompositions(backend_of(device));
}

TEST_CASE("Eigenvalues and singular values are those of closed forms") {
  test::register_backends();
  for (const Device device : {Device::reference, Device::cpu}) test::check_known_values(backend_of(device));
}

TEST_CASE("NaN and infinity have no decomposition, and nothing has an empty one") {
  test::register_backends();
  for (const Device device : {Device::reference, Device::cpu}) test::check_refusals(backend_of(device));
}

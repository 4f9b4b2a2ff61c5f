#include "kernels/cuda_on_cpu/runtime_emulated.h"
#include "tests/cuda/products.h"
#include "tests/cuda_emulator/support.h"

using test::check_product;

TEST_CASE("matmul equals the reference in every type, transposed or not, in sizes that fill no tile") {
  struct Size {
    std::int64_t m, n, k;
  };
  const std::vector<Size> sizes = {{1, 1, 1},    {1, 5, 3},   {7, 1, 33},   {8, 8, 8},    {16, 24, 40},
                                   {31, 17, 19}, {12, 10, 9}, {64, 64, 16}, {65, 67, 50}, {72, 136, 8},
                                   {80, 72, 104}, {13, 10, 0}, {0, 4, 3},    {4, 0, 3}};
  for (const DType type : test::floating)
    for (const Size& s : sizes)
      for (const bool transpose_a : {false, true})
        for (const bool transpose_b : {false, true}) check_product(type, s.m, s.n, s.k, transpose_a, transpose_b);
}

TEST_CASE("matmul sums long products over several blocks, with the same bits each time") {
  for (const DType type : test::floating)
    for (const std::int64_t k : {std::int64_t{2048}, std::int64_t{1031}})
      for (const bool transpose : {false, true}) check_product(type, 9, 16, k, transpose, !transpose);
  const Tensor a = on_device(test::normal({9, 2048}, DType::f32, 62)),
               b = on_device(test::normal({2048, 8}, DType::f32, 63));
  CHECK(test::same_bits(to_reference(device::matmul(context(), a, b, false, false)),
                        to_reference(device::matmul(context(), a, b, false, false))));
}

TEST_CASE("matmul on a large device sums parts of parts, tile by tile") {
  const emulator::DeviceSize large(20, 1024);
  // As on a device, where parts come in any order.
  const test::WithOrder mixed(emulator::ThreadOrder::random, 7);
  for (const DType type : {DType::f32, DType::f16}) check_product(type, 70, 40, 2570, false, true);
  const Tensor a = on_device(test::normal({70, 2570}, DType::f32, 64)),
               b = on_device(test::normal({2570, 37}, DType::f32, 65));
  CHECK(test::same_bits(to_reference(device::matmul(context(), a, b, false, false)),
                        to_reference(device::matmul(context(), a, b, false, false))));
}

TEST_CASE("matmul takes large tiles where they fill the device") {
  const auto blocks = 2 * context().properties().multiprocessors;
  for (const DType type : test::floating)
    check_product(type, 128, 64 * blocks - 8, 24, type == DType::f16, type != DType::f32);
}

TEST_CASE("matmul passes NaN and infinity on to the rows and columns they belong to") {
  const double inf = infinity, nan = not_a_number;
  std::vector<double> v(70 * 5, 1.0);
  v[2 * 5 + 1] = nan;
  v[69 * 5 + 4] = inf;
  const Tensor a = from_vector(v, {70, 5}, Device::reference, DType::f32);
  const Tensor b = from_vector(std::vector<double>(5 * 3, 2.0), {5, 3}, Device::reference, DType::f32);
  const Tensor y = device::matmul(context(), on_device(a), on_device(b), false, false);
  CHECK(test::error(y, reference().matmul(a, b, false, false)) == 0.0);
}

TEST_CASE("matmul refuses what does not fit") {
  const Tensor a = on_device(test::normal({3, 4}, DType::f32, 1)), h = on_device(test::normal({4, 3}, DType::f16, 1));
  const Tensor d = on_device(test::normal({3, 3}, DType::f64, 1)), v = on_device(test::normal({4}, DType::f32, 1));
  CHECK_THROWS_AS(device::matmul(context(), a, a, false, false), UsageError);
  CHECK_THROWS_AS(device::matmul(context(), a, h, false, false), UsageError);
  CHECK_THROWS_AS(device::matmul(context(), d, d, false, false), UsageError);
  CHECK_THROWS_AS(device::matmul(context(), a, v, false, false), UsageError);
}

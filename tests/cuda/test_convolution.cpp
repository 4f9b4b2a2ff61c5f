#include "kernels/cuda/convolution.h"
#include "tests/cuda/conv_cases.h"

namespace {

void check_forward(DType type, const ConvCase& k, bool last) {
  const Tensor x = test::normal(k.x, type, 70), w = test::normal(k.w, type, 71);
  const Tensor bias = k.w[0] % 2 == 0 ? test::normal({k.w[0]}, type, 72) : Tensor();
  const Tensor on = bias.defined() ? on_device(bias) : Tensor();
  const Tensor y = device::conv2d(context(), on_device(x, last), on_device(w, last && device::has_channels_last(k.w)), on, k.p);
  CHECK(device::channels_last(y) == device::has_channels_last(y.shape()));
  check_sum(y, reference().conv2d(x, w, bias, k.p), k.w[1] * k.w[2] * k.w[3]);
}

}  // namespace

TEST_CASE("conv2d equals the reference in every type and layout") {
  test::for_each_conv(test::conv_cases(), check_forward);
}

TEST_CASE("conv2d of nothing is its bias, or nothing") { test::for_each_conv(test::empty_conv_cases(), check_forward); }

TEST_CASE("conv2d cuts long sums into parts, with the same bits each time") {
  const ConvCase k{{1, 64, 4, 4}, {8, 64, 3, 3}, {{1, 1}, Padding2d::same(1)}};
  for (const DType type : test::floating) {
    check_forward(type, k, true);
    const Tensor x = on_device(test::normal(k.x, type, 73)), w = on_device(test::normal(k.w, type, 74));
    CHECK(test::same_bits(to_reference(device::conv2d(context(), x, w, {}, k.p)),
                          to_reference(device::conv2d(context(), x, w, {}, k.p))));
  }
}

TEST_CASE("conv2d takes large tiles where they fill the device") {
  const ConvCase k{{1, 8, 23, 23}, {40, 8, 3, 3}, {{1, 1}, Padding2d::same(1)}};
  for (const DType type : test::floating) check_forward(type, k, true);
}

TEST_CASE("conv2d refuses what does not fit") {
  const Tensor x = on_device(test::normal({1, 4, 5, 5}, DType::f32, 1)),
               w = on_device(test::normal({2, 4, 3, 3}, DType::f32, 1));
  const Tensor half = on_device(test::normal({2, 4, 3, 3}, DType::f16, 1)),
               bias = on_device(test::normal({3}, DType::f32, 1));
  const Tensor few = on_device(test::normal({2, 3, 3, 3}, DType::f32, 1)),
               d = on_device(test::normal({1, 4, 5, 5}, DType::f64, 1));
  CHECK_THROWS_AS(device::conv2d(context(), x, few, {}, {}), UsageError);
  CHECK_THROWS_AS(device::conv2d(context(), x, half, {}, {}), UsageError);
  CHECK_THROWS_AS(device::conv2d(context(), x, w, bias, {}), UsageError);
  CHECK_THROWS_AS(device::conv2d(context(), d, d, {}, {}), UsageError);
  CHECK_THROWS_AS(device::conv2d(context(), x, w, {}, {{0, 1}}), UsageError);
}

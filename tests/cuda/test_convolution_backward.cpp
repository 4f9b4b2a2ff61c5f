#include "kernels/cuda/convolution.h"
#include "tests/cuda/conv_cases.h"

namespace {

void check_backward(DType type, const ConvCase& k, bool last) {
  const Shape shape = k.y();
  const Tensor x = test::normal(k.x, type, 80), w = test::normal(k.w, type, 81), dy = test::normal(shape, type, 82);
  const Conv2dGrads truth = reference().conv2d_backward(x, w, dy, k.p, {true, true, true});
  // Whichever layout one of them is in, the other has the other.
  const Tensor weight = on_device(w, !last && device::has_channels_last(k.w));
  const Conv2dGrads found = device::conv2d_backward(context(), on_device(x, last), weight, on_device(dy, !last), k.p,
                                                    {true, true, true});
  CHECK(device::channels_last(found.dx) == device::has_channels_last(k.x));
  CHECK(device::channels_last(found.dw) == device::channels_last(weight));
  check_sum(found.dx, truth.dx, shape[1] / k.p.groups * k.w[2] * k.w[3]);
  check_sum(found.dw, truth.dw, shape[0] * shape[2] * shape[3]);
  check_sum(found.db, truth.db, shape[0] * shape[2] * shape[3]);
}

}  // namespace

TEST_CASE("conv2d_backward equals the reference in every type and layout") {
  test::for_each_conv(test::conv_cases(), check_backward);
}

TEST_CASE("conv2d_backward of nothing is zero, or nothing") {
  test::for_each_conv(test::empty_conv_cases(), check_backward);
}

TEST_CASE("conv2d_backward gives the gradients that are needed, with the same bits each time") {
  for (const ConvCase& k : {ConvCase{{4, 8, 13, 11}, {16, 8, 3, 3}, {{1, 1}, Padding2d::same(1)}},
                            ConvCase{{4, 8, 13, 11}, {8, 1, 3, 3}, {{1, 1}, Padding2d::same(1), {1, 1}, 8}}})
    for (const DType type : test::floating) {
      check_backward(type, k, true);
      const Tensor x = on_device(test::normal(k.x, type, 83)), w = on_device(test::normal(k.w, type, 84));
      const Tensor dy = on_device(test::normal(k.y(), type, 85));
      const Conv2dGrads all = device::conv2d_backward(context(), x, w, dy, k.p, {true, true, true});
      const Conv2dGrads dx = device::conv2d_backward(context(), x, w, dy, k.p, {true, false, false});
      const Conv2dGrads dw = device::conv2d_backward(context(), x, w, dy, k.p, {false, true, false});
      const Conv2dGrads db = device::conv2d_backward(context(), x, w, dy, k.p, {false, false, true});
      CHECK((dx.dx.defined() && !dx.dw.defined() && !dx.db.defined()));
      CHECK((!dw.dx.defined() && dw.dw.defined() && !dw.db.defined()));
      CHECK((!db.dx.defined() && !db.dw.defined() && db.db.defined()));
      CHECK(test::same_bits(to_reference(all.dx), to_reference(dx.dx)));
      CHECK(test::same_bits(to_reference(all.dw), to_reference(dw.dw)));
      CHECK(test::same_bits(to_reference(all.db), to_reference(db.db)));
    }
}

TEST_CASE("conv2d_backward takes large tiles where they fill the device") {
  for (const DType type : test::floating) check_backward(type, {{1, 40, 23, 23}, {8, 40, 1, 1}}, true);
}

TEST_CASE("conv2d_backward refuses what does not fit") {
  const Tensor x = on_device(test::normal({1, 4, 5, 5}, DType::f32, 1)),
               w = on_device(test::normal({2, 4, 3, 3}, DType::f32, 1));
  const Tensor dy = on_device(test::normal({1, 2, 3, 3}, DType::f32, 1)),
               half = on_device(test::normal({1, 2, 3, 3}, DType::f16, 1));
  const Tensor large = on_device(test::normal({1, 2, 4, 3}, DType::f32, 1));
  CHECK_THROWS_AS(device::conv2d_backward(context(), x, w, half, {}, {}), UsageError);
  CHECK_THROWS_AS(device::conv2d_backward(context(), x, w, large, {}, {}), UsageError);
  CHECK_THROWS_AS(device::conv2d_backward(context(), x, x, dy, {}, {}), UsageError);
}

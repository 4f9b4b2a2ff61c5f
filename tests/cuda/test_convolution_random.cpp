// Convolutions that nobody thought of.
#include "kernels/cuda/convolution.h"
#include "tests/cuda/conv_cases.h"

namespace {

test::ConvCase random_case(Random& random) {
  const auto from = [&](int low, int high) {
    return low + static_cast<int>(random.below(static_cast<std::uint32_t>(high - low + 1)));
  };
  Conv2dParams p;
  p.groups = from(0, 2) == 0 ? from(2, 4) : 1;
  const int multiples[] = {1, 8, 16};
  const std::int64_t in = from(1, 4) * multiples[from(0, 2)], out = from(1, 5) * multiples[from(0, 2)];
  p.stride = {from(1, 3), from(1, 3)};
  p.dilation = {from(1, 2), from(1, 3)};
  p.padding = {from(0, 3), from(0, 3), from(0, 3), from(0, 3)};
  const std::int64_t kernel_height = from(1, 4), kernel_width = from(1, 4);
  const std::int64_t height = p.dilation[0] * (kernel_height - 1) + from(1, 9),
                     width = p.dilation[1] * (kernel_width - 1) + from(1, 9);
  if (from(0, 4) == 0) {  // depthwise
    p.groups = in;
    return {{from(1, 3), in, height, width}, {in, 1, kernel_height, kernel_width}, p};
  }
  return {{from(1, 3), in * p.groups, height, width}, {out * p.groups, in, kernel_height, kernel_width}, p};
}

}  // namespace

TEST_CASE("conv2d and its gradients equal the reference for convolutions drawn at random") {
  RandomKey key(9, RandomStream::test);
  Random random(key);
  for (int i = 0; i < 60; ++i) {
    const test::ConvCase k = random_case(random);
    const DType type = test::floating[i % 3];
    CAPTURE(i);
    CAPTURE(k.x.str());
    CAPTURE(k.w.str());
    const Shape shape = k.y();
    const Tensor x = test::normal(k.x, type, 90), w = test::normal(k.w, type, 91), dy = test::normal(shape, type, 92);
    const Tensor on_x = on_device(x, i % 2 == 0), on_w = on_device(w);
    test::check_sum(device::conv2d(context(), on_x, on_w, {}, k.p), reference().conv2d(x, w, {}, k.p),
                    k.w[1] * k.w[2] * k.w[3]);
    const Conv2dGrads truth = reference().conv2d_backward(x, w, dy, k.p, {true, true, true});
    const Conv2dGrads found = device::conv2d_backward(context(), on_x, on_w, on_device(dy), k.p, {true, true, true});
    test::check_sum(found.dx, truth.dx, shape[1] / k.p.groups * k.w[2] * k.w[3]);
    test::check_sum(found.dw, truth.dw, shape[0] * shape[2] * shape[3]);
    test::check_sum(found.db, truth.db, shape[0] * shape[2] * shape[3]);
  }
}

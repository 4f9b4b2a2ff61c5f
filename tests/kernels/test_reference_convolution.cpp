// The reference convolves some images at a time; how many makes no difference.
#include <cmath>

#include "tests/kernels/support.h"

using namespace engine;

TEST_CASE("The reference's convolution of several slices of images is that of each image") {
  test::register_backends();
  Backend& b = backend_of(Device::reference);
  // The windows of two of the three fill a slice.
  const Shape one{1, 16, 112, 112}, all{3, 16, 112, 112}, weight{2, 16, 3, 3};
  Conv2dParams p;
  p.padding = Padding2d::same(1);
  std::vector<double> numbers(static_cast<std::size_t>(all.numel()));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::sin(static_cast<double>(i * i % 1009));
  const Tensor x = from_vector(numbers, all, Device::reference);
  const Tensor w = b.slice(x, {0, 0, 0, 0}, {2, 16, 3, 3}), bias = from_vector<double>({0.5, -2.0}, {2}, Device::reference);
  const Tensor y = b.conv2d(x, w, bias, p);
  const Conv2dGrads g = b.conv2d_backward(x, w, y, p, {});
  std::vector<double> dw(static_cast<std::size_t>(weight.numel()), 0.0);
  for (std::int64_t n = 0; n < 3; ++n) {
    const Tensor image = b.slice(x, {n, 0, 0, 0}, one), result = b.conv2d(image, w, bias, p);
    CHECK(to_vector<double>(b.slice(y, {n, 0, 0, 0}, {1, 2, 112, 112})) == to_vector<double>(result));
    const Conv2dGrads of_one = b.conv2d_backward(image, w, result, p, {});
    CHECK(to_vector<double>(b.slice(g.dx, {n, 0, 0, 0}, one)) == to_vector<double>(of_one.dx));
    const auto part = to_vector<double>(of_one.dw);
    for (std::size_t i = 0; i < dw.size(); ++i) dw[i] += part[i];
  }
  const auto found = to_vector<double>(g.dw);
  for (std::size_t i = 0; i < dw.size(); ++i) CHECK(std::abs(found[i] - dw[i]) < 1e-9 * (1.0 + std::abs(dw[i])));
}

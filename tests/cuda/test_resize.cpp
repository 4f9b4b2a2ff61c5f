#include "kernels/cuda/resize.h"
#include "tests/cuda/compare.h"

namespace {

struct Size {
  std::int64_t height, width;
};
// Smaller, larger, by whole and by odd factors, the same, to one line and to one pixel.
constexpr Size sizes[] = {{1, 1}, {2, 3}, {5, 7}, {10, 14}, {11, 5}, {40, 1}, {3, 61}};

// Calls f(dtype, shape, channels-last or not, size of the other map).
template <class F>
void for_each_size(F&& f) {
  for (const DType type : test::floating)
    for (const Shape& s :
         {Shape{1, 1, 5, 7}, Shape{2, 3, 9, 6}, Shape{2, 17, 5, 5}, Shape{2, 24, 13, 11}, Shape{1, 64, 7, 8},
          Shape{2, 24, 1, 1}, Shape{2, 9, 1, 16}, Shape{0, 3, 5, 5}, Shape{2, 0, 5, 5}})
      for (const bool last : {false, true})
        for (const Size size : sizes) {
          if (last && !device::has_channels_last(s)) continue;
          CAPTURE(s.str());
          CAPTURE(name_of(type));
          CAPTURE(last);
          CAPTURE(size.height);
          CAPTURE(size.width);
          f(type, s, last, size);
        }
}

}  // namespace

TEST_CASE("Bilinear resizing equals the reference, in every type and layout") {
  for_each_size([](DType type, const Shape& s, bool last, Size size) {
    const Tensor x = test::normal(s, type, 80);
    const Tensor found = device::resize_bilinear(context(), on_device(x, last), size.height, size.width);
    check_close(found, reference().resize_bilinear(x, size.height, size.width));
    if (device::has_channels_last(s)) CHECK(found.plain() != (last && device::has_channels_last(found.shape())));
  });
}

TEST_CASE("The gradient of bilinear resizing equals the reference") {
  for_each_size([](DType type, const Shape& s, bool last, Size size) {
    const Tensor dy = test::normal({s[0], s[1], size.height, size.width}, type, 81);
    check_close(device::resize_bilinear_backward(context(), on_device(dy, last), s),
                reference().resize_bilinear_backward(dy, s));
  });
}

TEST_CASE("Weights stay exact on long lines, and each output's weights reach the inputs in full") {
  for (const Size size : {Size{1, 1999}, Size{1, 1000}, Size{1, 3}, Size{1, 777}}) {
    const Shape s{1, 1, 1, 1000};
    std::vector<double> ramp(1000);
    for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<double>(i % 2);
    const Tensor x = from_vector(ramp, s, Device::reference, DType::f32);
    check_close(device::resize_bilinear(context(), on_device(x), size.height, size.width),
                reference().resize_bilinear(x, size.height, size.width));
    const Tensor dy = from_vector(std::vector<double>(static_cast<std::size_t>(size.width), 1.0), {1, 1, 1, size.width},
                                  Device::reference, DType::f32);
    double sum = 0;
    for (const float v : test::memory_of<float>(device::resize_bilinear_backward(context(), on_device(dy), s)))
      sum += static_cast<double>(v);
    CHECK(sum == doctest::Approx(static_cast<double>(size.width)).epsilon(1e-6));
  }
}

TEST_CASE("Resizing refuses what does not fit with a typed error") {
  const Tensor x = on_device(test::normal({1, 2, 4, 4}, DType::f32, 1)),
               flat = on_device(test::normal({4, 4}, DType::f32, 1));
  CHECK_THROWS_AS(device::resize_bilinear(context(), flat, 2, 2), UsageError);
  CHECK_THROWS_AS(device::resize_bilinear(context(), x, 0, 2), UsageError);
  CHECK_THROWS_AS(device::resize_bilinear(context(), x, 2, std::int64_t{1} << 30), UsageError);
  CHECK_THROWS_AS(device::resize_bilinear(context(), on_device(test::normal({1, 1, 2, 2}, DType::f64, 1)), 2, 2),
                  UsageError);
  CHECK_THROWS_AS(device::resize_bilinear_backward(context(), x, {1, 3, 8, 8}), UsageError);
}

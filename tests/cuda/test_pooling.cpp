#include "kernels/cuda/maps.h"
#include "kernels/cuda/pooling.h"
#include "tests/cuda/compare.h"

namespace {

// Channels that fill no vector, one of f32, one of 16 bits, several blocks; one image and several; no image, no
// channel.
const Shape maps[] = {{1, 1, 5, 7},  {2, 3, 9, 6}, {2, 17, 5, 5}, {1, 24, 13, 11},
                      {3, 64, 7, 8}, {0, 3, 5, 5}, {2, 0, 5, 5}};

Pool2dParams pool(std::int64_t kernel, std::int64_t stride, std::int64_t padding, bool ceil = false,
                  bool count = true) {
  return {{kernel, kernel}, {stride, stride}, Padding2d::same(padding), ceil, count};
}
const std::vector<Pool2dParams>& poolings() {
  static const std::vector<Pool2dParams> list = {pool(2, 2, 0),
                                                 pool(3, 2, 1),
                                                 pool(3, 1, 1),
                                                 pool(3, 2, 0, true),
                                                 pool(2, 3, 1, true, false),
                                                 pool(1, 2, 0),
                                                 {{1, 5}, {3, 1}, {0, 0, 4, 2}, false, false},
                                                 {{2, 3}, {1, 2}, {1, 0, 0, 1}, false, true},
                                                 {{3, 2}, {1, 2}, {1, 4, 0, 1}, true, true}};
  return list;
}

// Calls f(dtype, shape, channels-last or not).
template <class F>
void for_each_map(F&& f) {
  for (const DType type : test::floating)
    for (const Shape& s : maps)
      for (const bool last : {false, true}) {
        if (last && !device::has_channels_last(s)) continue;
        CAPTURE(s.str());
        CAPTURE(name_of(type));
        CAPTURE(last);
        f(type, s, last);
      }
}

Tensor floats(const std::vector<double>& v, const Shape& s) { return from_vector(v, s, Device::reference, DType::f32); }

}  // namespace

TEST_CASE("Max pooling finds the reference's maxima and their places, and its gradient goes there") {
  for (const Pool2dParams& p : poolings())
    for_each_map([&](DType type, const Shape& s, bool last) {
      // Few values, so that windows hold equal ones.
      const Tensor x = reference().cast(reference().cast(test::normal(s, DType::f64, 1, 2.0), DType::i32), type);
      const auto truth = reference().max_pool2d(x, p);
      const auto found = device::max_pool2d(context(), on_device(x, last), p);
      CHECK(test::same_bits(to_reference(found.y), truth.y));
      CHECK(device::same_layout(found.argmax, found.y));
      CHECK(found.y.plain() != (last && device::has_channels_last(truth.y.shape())));
      const bool padding_only = p.padding.bottom > p.kernel[0];  // its maximum is nowhere
      if (!padding_only) CHECK(test::same_bits(to_reference(found.argmax), truth.argmax));
      if (padding_only) return;
      const Tensor dy = test::normal(truth.y.shape(), type, 2);
      const Tensor dx = device::max_pool2d_backward(context(), on_device(dy), found.argmax, s, p);
      check_close(dx, reference().max_pool2d_backward(dy, truth.argmax, s, p));
    });
}

TEST_CASE("A NaN wins a max pooling, the last of several; of equal values the first wins, also of -inf") {
  const Tensor x = floats(
      {not_a_number, 5, not_a_number, 1, 2, 2, 1, 2, -infinity, -infinity, -infinity, -infinity, -0.0, 0.0, 0.0, -0.0},
      {4, 1, 2, 2});
  const auto truth = reference().max_pool2d(x, pool(2, 2, 0));
  const auto found = device::max_pool2d(context(), on_device(x), pool(2, 2, 0));
  CHECK(test::memory_of<std::uint8_t>(found.argmax) == std::vector<std::uint8_t>{2, 0, 0, 0});
  CHECK(test::same_bits(to_reference(found.argmax), truth.argmax));
  check_close(found.y, truth.y);
}

TEST_CASE("A window of 256 positions names the last one") {
  std::vector<double> v(256, 0.0);
  v.back() = 1.0;
  const auto found = device::max_pool2d(context(), on_device(floats(v, {1, 1, 16, 16})), pool(16, 16, 0));
  CHECK(test::memory_of<std::uint8_t>(found.argmax) == std::vector<std::uint8_t>{255});
  const Tensor dx = device::max_pool2d_backward(context(), on_device(floats({3}, {1, 1, 1, 1})), found.argmax,
                                                {1, 1, 16, 16}, pool(16, 16, 0));
  CHECK(test::memory_of<float>(dx).back() == 3.0f);
}

TEST_CASE("Average pooling and its gradient equal the reference") {
  for (const Pool2dParams& p : poolings())
    for_each_map([&](DType type, const Shape& s, bool last) {
      const Tensor x = test::normal(s, type, 3);
      const Tensor y = reference().avg_pool2d(x, p), found = device::avg_pool2d(context(), on_device(x, last), p);
      check_close(found, y);
      CHECK(found.plain() != (last && device::has_channels_last(y.shape())));
      const Tensor dy = test::normal(y.shape(), type, 4);
      check_close(device::avg_pool2d_backward(context(), on_device(dy, last), s, p),
                  reference().avg_pool2d_backward(dy, s, p));
    });
}

TEST_CASE("Adaptive average pooling and its gradient equal the reference, smaller, larger and global") {
  struct Size {
    std::int64_t height, width;
  };
  for (const Size size : {Size{1, 1}, Size{2, 3}, Size{5, 7}, Size{9, 12}, Size{1, 4}})
    for_each_map([&](DType type, const Shape& s, bool last) {
      const Tensor x = test::normal(s, type, 5);
      const Tensor y = reference().adaptive_avg_pool2d(x, size.height, size.width);
      check_close(device::adaptive_avg_pool2d(context(), on_device(x, last), size.height, size.width), y);
      const Tensor dy = test::normal(y.shape(), type, 6);
      check_close(device::adaptive_avg_pool2d_backward(context(), on_device(dy, last), s),
                  reference().adaptive_avg_pool2d_backward(dy, s));
    });
}

TEST_CASE("Global average pooling of large maps, whose pixels several blocks share, and of single pixels") {
  for (const DType type : test::floating)
    for (const Shape& s :
         {Shape{1, 2, 61, 67}, Shape{1, 8, 64, 65}, Shape{2, 40, 33, 9}, Shape{1, 264, 5, 3}, Shape{3, 33, 1, 1}})
      for (const bool last : {false, true}) {
        CAPTURE(s.str());
        const Tensor x = reference().add(test::normal(s, type, 7),
                                         from_vector(std::vector<double>{1.0}, {}, Device::reference, type));
        const Tensor y = device::adaptive_avg_pool2d(context(), on_device(x, last), 1, 1);
        check_close(y, reference().adaptive_avg_pool2d(x, 1, 1));
        CHECK(test::same_bits(to_reference(y),
                              to_reference(device::adaptive_avg_pool2d(context(), on_device(x, last), 1, 1))));
      }
}

TEST_CASE("The gradient of a pooled pixel becomes a channels-last map") {
  const Tensor dy = on_device(test::normal({2, 16, 1, 1}, DType::f32, 8));
  CHECK(device::channels_last(device::adaptive_avg_pool2d_backward(context(), dy, {2, 16, 7, 7})));
}

TEST_CASE("Maps too large for 32-bit numbers are taken a few images at a time") {
  using Parts = std::vector<std::vector<std::int64_t>>;
  Parts parts;
  const auto collect = [&](std::int64_t images, std::int64_t at_from, std::int64_t at_to) {
    parts.push_back({images, at_from, at_to});
  };
  const device::MapView from{5, 4, 6, 8}, to{5, 2, 3, 8};
  device::for_image_ranges(from, to, collect, 2 * from.image_size() + 1);
  CHECK(parts == Parts{{2, 0, 0}, {2, 384, 96}, {1, 768, 192}});
  parts.clear();
  device::for_image_ranges(to, from, collect);
  CHECK(parts == Parts{{5, 0, 0}});
  CHECK_THROWS_AS(device::for_image_ranges(from, to, collect, from.image_size() - 1), UsageError);
}

TEST_CASE("Pooling refuses what does not fit with a typed error") {
  gpu::Context& c = context();
  const Tensor x = on_device(test::normal({1, 1, 4, 4}, DType::f32, 1)),
               flat = on_device(test::normal({4, 4}, DType::f32, 1));
  const Tensor wide = on_device(test::normal({1, 1, 20, 20}, DType::f32, 1)),
               d = on_device(test::normal({1, 1, 4, 4}, DType::f64, 1));
  CHECK_THROWS_AS(device::max_pool2d(c, flat, pool(2, 2, 0)), UsageError);
  CHECK_THROWS_AS(device::max_pool2d(c, x, pool(5, 1, 0)), UsageError);
  CHECK_THROWS_AS(device::max_pool2d(c, x, pool(2, 2, 2)), UsageError);
  CHECK_THROWS_AS(device::max_pool2d(c, wide, pool(17, 1, 0)), UsageError);
  CHECK_THROWS_AS(device::max_pool2d(c, d, pool(2, 2, 0)), UsageError);
  const Tensor argmax = device::max_pool2d(c, x, pool(2, 2, 0)).argmax;
  CHECK_THROWS_AS(device::max_pool2d_backward(c, x, argmax, {1, 1, 4, 4}, pool(2, 2, 0)), UsageError);
  CHECK_THROWS_AS(device::max_pool2d_backward(c, x, x, {1, 1, 4, 4}, pool(1, 1, 0)), UsageError);
  CHECK_THROWS_AS(device::avg_pool2d(c, x, pool(0, 1, 0)), UsageError);
  CHECK_THROWS_AS(device::avg_pool2d_backward(c, x, {1, 1, 4, 4}, pool(2, 2, 0)), UsageError);
  CHECK_THROWS_AS(device::adaptive_avg_pool2d(c, flat, 1, 1), UsageError);
  CHECK_THROWS_AS(device::adaptive_avg_pool2d(c, x, 0, 1), UsageError);
  CHECK_THROWS_AS(device::adaptive_avg_pool2d_backward(c, x, {1, 3, 8, 8}), UsageError);
}

// Antialiased resizing against Pillow's own pixels and against the definition of the filters in double.
#include <cmath>
#include <limits>

#include "engine/io/npy.h"
#include "engine/io/resize.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

using namespace engine;

namespace {

constexpr Interpolation smooth_kinds[] = {Interpolation::bilinear, Interpolation::bicubic};
constexpr Interpolation all_kinds[] = {Interpolation::nearest, Interpolation::bilinear, Interpolation::bicubic};

// The triangle, and Keys' cubic convolution with a = -1/2.
double kernel(double x, Interpolation how) {
  const double t = std::abs(x);
  if (how == Interpolation::bilinear) return std::max(0.0, 1.0 - t);
  if (t <= 1.0) return 1.5 * t * t * t - 2.5 * t * t + 1.0;
  if (t <= 2.0) return -0.5 * t * t * t + 2.5 * t * t - 4.0 * t + 2.0;
  return 0.0;
}

// Weight of input pixel i for output pixel o: the kernel, stretched where the picture shrinks, over the pixels there
// are.
std::vector<double> weights_of(int o, int out, int in, double begin, double end, Interpolation how) {
  const double scale = (end - begin) / out, stretch = std::max(1.0, scale), centre = begin + (o + 0.5) * scale;
  std::vector<double> w;
  double sum = 0.0;
  for (int i = 0; i < in; ++i) {
    w.push_back(kernel((i + 0.5 - centre) / stretch, how));
    sum += w.back();
  }
  for (double& x : w) x /= sum;
  return w;
}

// Both directions at once, every pixel of the input for every pixel of the output.
std::vector<double> by_definition(const std::vector<float>& in, int in_width, int in_height, int channels, int width,
                                  int height, Interpolation how, const Box& box) {
  std::vector<double> out;
  for (int y = 0; y < height; ++y) {
    const auto wy = weights_of(y, height, in_height, box.top, box.bottom, how);
    for (int x = 0; x < width; ++x) {
      const auto wx = weights_of(x, width, in_width, box.left, box.right, how);
      for (int c = 0; c < channels; ++c) {
        double sum = 0.0;
        for (int v = 0; v < in_height; ++v)
          for (int u = 0; u < in_width; ++u)
            sum += wy[static_cast<std::size_t>(v)] * wx[static_cast<std::size_t>(u)] *
                   in[static_cast<std::size_t>((v * in_width + u) * channels + c)];
        out.push_back(sum);
      }
    }
  }
  return out;
}

template <class T>
double largest_difference(const std::vector<T>& found, const std::vector<double>& expected) {
  if (found.size() != expected.size()) return INFINITY;
  double largest = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double e = std::abs(static_cast<double>(found[i]) - expected[i]);
    if (!(e <= largest)) largest = std::isnan(e) ? INFINITY : e;
  }
  return largest;
}

FloatImage float_picture(const Image& image) {
  FloatImage f{image.width, image.height, image.channels, {}};
  for (const std::uint8_t s : image.samples8) f.samples.push_back(static_cast<float>(s) / 255.0f);
  return f;
}

}  // namespace

TEST_CASE("8-bit pictures come out as Pillow's, to the last bit") {
  const auto decoded = read_npz(test::images / "decoded.npz"), resized = read_npz(test::images / "resized.npz");
  int compared = 0;
  for (const std::string source : {"png_rgb.png", "jpeg_420_even.jpg", "png_gray.png"}) {
    const NpyArray& in = decoded.at(source + ":rgb");
    const Image image{static_cast<int>(in.shape[1]), static_cast<int>(in.shape[0]), 3, false, in.bytes, {}};
    for (const Interpolation how : smooth_kinds)
      for (const auto& [height, width] : {std::pair{24, 24}, std::pair{13, 31}, std::pair{96, 80}}) {
        const std::string key = source + (how == Interpolation::bilinear ? ":bilinear:" : ":bicubic:") +
                                std::to_string(height) + "x" + std::to_string(width) + ":pillow";
        INFO(key);
        CHECK(resize(image, width, height, how).samples8 == resized.at(key).bytes);
        ++compared;
      }
  }
  CHECK(compared == 18);
}

TEST_CASE("Floats follow the definition of the filters, larger and smaller, whole and in a box") {
  const Box boxes[] = {{0, 0, 31, 17}, {3, 2, 28, 15}, {0.5, 1.25, 30.75, 16}, {10, 10, 11, 11}, {4.2, 0, 4.9, 17}};
  for (const int channels : {1, 3, 4}) {
    const FloatImage in = float_picture(test::noisy_picture(31, 17, channels, 22));
    for (const Interpolation how : smooth_kinds)
      for (const auto& [width, height] :
           {std::pair{1, 1}, std::pair{7, 5}, std::pair{31, 17}, std::pair{40, 3}, std::pair{62, 53}})
        for (const Box& box : boxes) {
          INFO("bicubic " << (how == Interpolation::bicubic) << ", " << channels << " channels to " << width << "x"
                          << height << ", box from " << box.left << ", " << box.top);
          const auto expected = by_definition(in.samples, 31, 17, channels, width, height, how, box);
          const FloatImage out = resize(in, width, height, how, box);
          CHECK(out.width == width);
          CHECK(out.height == height);
          CHECK(out.channels == channels);
          CHECK(largest_difference(out.samples, expected) <= 2e-6);
        }
  }
}

TEST_CASE("8 bits stay within rounding of the definition, 16 bits within half a step") {
  Image in = test::noisy_picture(29, 23, 2, 23);
  // Away from black and white, where overshoots are cut off between the two passes.
  for (auto& s : in.samples8) s = static_cast<std::uint8_t>(64 + s / 2);
  Image wide = in;
  wide.wide = true;
  wide.samples8.clear();
  for (const std::uint8_t s : in.samples8) wide.samples16.push_back(static_cast<std::uint16_t>(s * 257 ^ 13));
  for (const Interpolation how : smooth_kinds)
    for (const auto& [width, height] : {std::pair{11, 9}, std::pair{50, 60}}) {
      const Box all{0, 0, 29, 23};
      auto expected = by_definition({in.samples8.begin(), in.samples8.end()}, 29, 23, 2, width, height, how, all);
      for (double& v : expected) v = std::clamp(v, 0.0, 255.0);
      CHECK(largest_difference(resize(in, width, height, how).samples8, expected) <= 1.2);
      expected = by_definition({wide.samples16.begin(), wide.samples16.end()}, 29, 23, 2, width, height, how, all);
      for (double& v : expected) v = std::clamp(v, 0.0, 65535.0);
      const Image out = resize(wide, width, height, how);
      CHECK(out.wide);
      CHECK(largest_difference(out.samples16, expected) <= 0.6);
    }
}

TEST_CASE("A constant picture stays constant") {
  for (const int value : {0, 1, 127, 254, 255})
    for (const Interpolation how : all_kinds)
      for (const auto& [width, height] : {std::pair{1, 1}, std::pair{13, 7}, std::pair{97, 101}}) {
        INFO("value " << value << " to " << width << "x" << height);
        Image image{37, 53, 3, false, {}, {}};
        image.samples8.assign(image.sample_count(), static_cast<std::uint8_t>(value));
        const Image out = resize(image, width, height, how, Box{1.3, 2.7, 30.1, 50.9});
        CHECK(out.samples8 == test::Buffer(out.sample_count(), static_cast<std::uint8_t>(value)));
        const FloatImage f = resize(float_picture(image), width, height, how);
        CHECK(largest_difference(f.samples, std::vector<double>(f.samples.size(), value / 255.0)) <= 1e-6);
      }
}

TEST_CASE("The same size is the same picture, and a box of whole pixels at that size is a crop") {
  for (const int channels : {1, 2, 3, 4}) {
    const Image image = test::noisy_picture(33, 31, channels, 24);
    for (const Interpolation how : all_kinds) {
      CHECK(resize(image, 33, 31, how).samples8 == image.samples8);
      const Image crop = resize(image, 10, 7, how, Box{5, 20, 15, 27});
      int wrong = 0;
      for (int y = 0; y < 7; ++y)
        for (int x = 0; x < 10; ++x)
          for (int c = 0; c < channels; ++c)
            wrong += crop.samples8[static_cast<std::size_t>((y * 10 + x) * channels + c)] !=
                     image.samples8[static_cast<std::size_t>(((y + 20) * 33 + x + 5) * channels + c)];
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("Nearest takes the pixel under each centre") {
  const Image image = test::noisy_picture(7, 5, 1, 25);
  const Image out = resize(image, 3, 11, Interpolation::nearest);
  for (int y = 0; y < 11; ++y)
    for (int x = 0; x < 3; ++x)
      CHECK(out.samples8[static_cast<std::size_t>(y * 3 + x)] ==
            image.samples8[static_cast<std::size_t>((y * 2 + 1) * 5 / 22 * 7 + (x * 2 + 1) * 7 / 6)]);
}

TEST_CASE("Bicubic overshoots in float, is cut off in 8 and 16 bits") {
  Image step{8, 1, 1, false, {0, 0, 0, 0, 255, 255, 255, 255}, {}};
  const FloatImage f = resize(float_picture(step), 32, 1, Interpolation::bicubic);
  CHECK(*std::min_element(f.samples.begin(), f.samples.end()) < -0.05f);
  CHECK(*std::max_element(f.samples.begin(), f.samples.end()) > 1.05f);
  const Image out = resize(step, 32, 1, Interpolation::bicubic);
  CHECK(out.samples8[0] == 0);
  CHECK(out.samples8[15] < 128);
  CHECK(out.samples8[13] == 0);
  CHECK(out.samples8[18] == 255);
  Image wide{8, 1, 1, true, {}, {0, 0, 0, 0, 65535, 65535, 65535, 65535}};
  const Image wide_out = resize(wide, 32, 1, Interpolation::bicubic);
  CHECK(wide_out.samples16[13] == 0);
  CHECK(wide_out.samples16[18] == 65535);
}

TEST_CASE("Sizes and boxes that make no picture are refused") {
  const Image image = test::noisy_picture(10, 8, 1, 26);
  for (const auto& [width, height] : {std::pair{0, 5}, std::pair{5, 0}, std::pair{-1, 5}})
    CHECK_THROWS_AS(resize(image, width, height, Interpolation::bilinear), UsageError);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Box& box : {Box{-0.1, 0, 10, 8}, Box{0, 0, 10.1, 8}, Box{0, 0, 10, 9}, Box{5, 0, 5, 8}, Box{6, 0, 5, 8},
                         Box{0, nan, 10, 8}, Box{0, 0, nan, 8}, Box{0, -1e-9, 10, 8}})
    CHECK_THROWS_WITH_AS(resize(image, 3, 3, Interpolation::nearest, box), doctest::Contains("10x8"), UsageError);
}

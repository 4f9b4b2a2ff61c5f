// The deterministic part of a transform against formulas in double, and the plan as data.
#include <nlohmann/json.hpp>

#include "engine/data/transforms.h"
#include "tests/data/support.h"

using namespace engine;

namespace {

std::vector<float> transformed(const Image& image, const TransformPlan& plan, const RandomKey* key = nullptr) {
  std::vector<float> out(plan.output_size(), std::nanf(""));
  transform(image, plan, key, out);
  return out;
}

TransformPlan plan_of(int channels, int height, int width) {
  TransformPlan plan;
  plan.channels = channels;
  plan.height = height;
  plan.width = width;
  return plan;
}

double sample_at(const Image& image, int x, int y, int c) {
  const auto at = static_cast<std::size_t>((y * image.width + x) * image.channels + c);
  return image.wide ? image.samples16[at] : image.samples8[at];
}

// One output value of an antialiased bilinear resize of the box [left, left + w) x [top, top + h) to `out_w` x `out_h`:
// the mean of all pixels under a triangle as wide as an output pixel (at least an input pixel).
double triangle_mean(const Image& image, double left, double top, double w, double h, int out_w, int out_h, int x,
                     int y, int c) {
  const double sx = w / out_w, sy = h / out_h;
  const double cx = left + (x + 0.5) * sx, cy = top + (y + 0.5) * sy;
  double sum = 0.0, weights = 0.0;
  for (int j = 0; j < image.height; ++j)
    for (int i = 0; i < image.width; ++i) {
      const double wx = std::max(0.0, 1.0 - std::abs(i + 0.5 - cx) / std::max(sx, 1.0));
      const double wy = std::max(0.0, 1.0 - std::abs(j + 0.5 - cy) / std::max(sy, 1.0));
      sum += wx * wy * sample_at(image, i, j, c);
      weights += wx * wy;
    }
  return sum / weights / (image.wide ? 65535.0 : 255.0);
}

double worst_gap(const std::vector<float>& found, const Image& image, const TransformPlan& plan, double left,
                 double top, double w, double h) {
  double worst = 0.0;
  std::size_t at = 0;
  for (int c = 0; c < plan.channels; ++c)
    for (int y = 0; y < plan.height; ++y)
      for (int x = 0; x < plan.width; ++x) {
        const double expected = triangle_mean(image, left, top, w, h, plan.width, plan.height, x, y, c);
        const double gap = std::abs(found[at++] - expected);
        if (!(gap <= worst)) worst = gap;  // NaN stays
      }
  return worst;
}

// Two passes of rounding to 8 bits.
constexpr double two_roundings = 1.01 / 255.0;

}  // namespace

TEST_CASE("A picture of the right size becomes planes of its values over 255") {
  const Image image = test::noisy_picture(7, 5, 3, 1);
  const auto out = transformed(image, plan_of(3, 5, 7));
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < 5; ++y)
      for (int x = 0; x < 7; ++x)
        CHECK(out[static_cast<std::size_t>((c * 5 + y) * 7 + x)] ==
              doctest::Approx(sample_at(image, x, y, c) / 255.0).epsilon(1e-6));
}

TEST_CASE("16-bit pictures keep their depth") {
  Image image;
  image.width = 2, image.height = 1, image.channels = 1, image.wide = true;
  image.samples16 = {12345, 65535};
  const auto out = transformed(image, plan_of(1, 1, 2));
  CHECK(out[0] == doctest::Approx(12345.0 / 65535.0).epsilon(1e-6));
  CHECK(out[1] == 1.0f);
}

TEST_CASE("Without a resize the largest central part of the shape asked for is shrunk into it") {
  struct Case {
    int width, height, out_width, out_height;
    double left, top, w, h;
  };
  const Case cases[] = {{31, 17, 8, 8, 7, 0, 17, 17},     // wide: the sides go
                        {13, 29, 6, 6, 0, 8, 13, 13},     // tall: top and bottom go
                        {30, 30, 10, 5, 0, 7.5, 30, 15},  // a wide crop of a square
                        {5, 4, 10, 8, 0, 0, 5, 4},        // enlarged
                        {40, 21, 7, 7, 9.5, 0, 21, 21}};
  for (const Case& k : cases) {
    CAPTURE(k.width);
    CAPTURE(k.height);
    const Image image = test::noisy_picture(k.width, k.height, 3, 2);
    const TransformPlan plan = plan_of(3, k.out_height, k.out_width);
    CHECK(worst_gap(transformed(image, plan), image, plan, k.left, k.top, k.w, k.h) <= two_roundings);
  }
}

TEST_CASE("resize_short sets the short side, then the centre is cut out") {
  const Image image = test::noisy_picture(60, 48, 3, 3);
  TransformPlan plan = plan_of(3, 16, 16);
  plan.resize_short = 24;  // two pixels become one: the crop shows 32 x 32 of the original
  CHECK(worst_gap(transformed(image, plan), image, plan, 14, 8, 32, 32) <= two_roundings);
  plan.height = plan.width = 24;  // all of the short side
  CHECK(worst_gap(transformed(image, plan), image, plan, 6, 0, 48, 48) <= two_roundings);
  plan.resize_short = 48;  // one to one: pixels untouched
  plan.height = 10, plan.width = 20;
  const auto out = transformed(image, plan);
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < 10; ++y)
      for (int x = 0; x < 20; ++x)
        CHECK(out[static_cast<std::size_t>((c * 10 + y) * 20 + x)] ==
              doctest::Approx(sample_at(image, x + 20, y + 19, c) / 255.0).epsilon(1e-6));
}

TEST_CASE("Normalisation subtracts the mean and divides by the deviation; padding is black before it") {
  const Image image = test::noisy_picture(4, 3, 3, 4);
  TransformPlan plain = plan_of(3, 3, 4), plan = plain;
  plan.mean = {0.1f, 0.5f, 0.9f};
  plan.deviation = {0.5f, 0.25f, 2.0f};
  plan.pad = 2;
  CHECK(plan.output_height() == 7);
  CHECK(plan.output_width() == 8);
  const auto raw = transformed(image, plain), out = transformed(image, plan);
  REQUIRE(out.size() == 3 * 7 * 8);
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < 7; ++y)
      for (int x = 0; x < 8; ++x) {
        const bool inside = y >= 2 && y < 5 && x >= 2 && x < 6;
        const double value = inside ? raw[static_cast<std::size_t>((c * 3 + y - 2) * 4 + x - 2)] : 0.0;
        const auto channel = static_cast<std::size_t>(c);
        const double expected = (value - plan.mean[channel]) / plan.deviation[channel];
        CHECK(out[static_cast<std::size_t>((c * 7 + y) * 8 + x)] == doctest::Approx(expected).epsilon(1e-6));
      }
}

TEST_CASE("Colour becomes grey by luma, grey becomes three equal channels, alpha is dropped") {
  const Image color = test::noisy_picture(6, 5, 3, 5), grey = test::noisy_picture(6, 5, 1, 6);
  const auto luma = transformed(color, plan_of(1, 5, 6));
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 6; ++x) {
      const double expected =
          0.299 * sample_at(color, x, y, 0) + 0.587 * sample_at(color, x, y, 1) + 0.114 * sample_at(color, x, y, 2);
      CHECK(std::abs(luma[static_cast<std::size_t>(y * 6 + x)] - expected / 255.0) <= 0.51 / 255.0);
    }
  const auto three = transformed(grey, plan_of(3, 5, 6)), one = transformed(grey, plan_of(1, 5, 6));
  for (std::size_t i = 0; i < 30; ++i)
    for (std::size_t c = 0; c < 3; ++c) CHECK(three[c * 30 + i] == one[i]);
  Image with_alpha = test::noisy_picture(6, 5, 4, 7), without = with_alpha;
  without.channels = 3;
  without.samples8.clear();
  for (std::size_t i = 0; i < with_alpha.samples8.size(); ++i)
    if (i % 4 != 3) without.samples8.push_back(with_alpha.samples8[i]);
  CHECK(transformed(with_alpha, plan_of(3, 5, 6)) == transformed(without, plan_of(3, 5, 6)));
}

TEST_CASE("The hint for the decoder covers the side that is needed, and small random crops") {
  TransformPlan plan = plan_of(3, 200, 224);
  CHECK(plan.short_side_hint() >= 224);
  plan.resize_short = 256;
  CHECK(plan.short_side_hint() == 256);
  plan.random_resized_crop = true;
  plan.crop_scale_low = 0.25f;  // half a side
  CHECK(plan.short_side_hint() == 512);
}

TEST_CASE("A plan comes back from its JSON, whatever is set") {
  TransformPlan plan = plan_of(1, 33, 44);
  plan.resize_short = 50;
  plan.pad = 3;
  plan.interpolation = Interpolation::bicubic;
  plan.random_resized_crop = plan.horizontal_flip = plan.vertical_flip = true;
  plan.crop_scale_low = 0.3f, plan.crop_scale_high = 0.7f;
  plan.crop_ratio_low = 0.9f, plan.crop_ratio_high = 1.2f;
  plan.rotate_degrees = 12.5f;
  plan.jitter = {0.1f, 0.2f, 0.3f, 0.4f};
  plan.mean = {0.25f};
  plan.deviation = {0.125f};
  const nlohmann::json j = to_json(plan);
  CHECK(to_json(transform_plan_from_json(nlohmann::json::parse(j.dump()))) == j);
  for (const TransformPlan& one : {TransformPlan(), plan_of(3, 1, 1)})
    CHECK(to_json(transform_plan_from_json(to_json(one))) == to_json(one));
  const Image image = test::noisy_picture(70, 60, 1, 8);
  RandomKey key(42, RandomStream::augment);
  CHECK(transformed(image, transform_plan_from_json(j), &key) == transformed(image, plan, &key));
  for (const auto& [name, value] : j.items()) {
    nlohmann::json missing = j, wrong = j;
    missing.erase(name);
    wrong[name] = nlohmann::json::object();
    INFO(name);
    CHECK_THROWS_WITH_AS(transform_plan_from_json(missing), doctest::Contains(("'" + name + "'").c_str()), DataError);
    CHECK_THROWS_WITH_AS(transform_plan_from_json(wrong), doctest::Contains(("'" + name + "'").c_str()), DataError);
  }
  nlohmann::json bad = j;
  bad["interpolation"] = "lanczos";
  CHECK_THROWS_WITH_AS(transform_plan_from_json(bad), doctest::Contains("lanczos"), DataError);
  bad = j;
  bad["height"] = 0;
  CHECK_THROWS_AS(transform_plan_from_json(bad), DataError);
}

TEST_CASE("Plans that make no sense are refused") {
  const std::function<void(TransformPlan&)> mistakes[] = {
      [](TransformPlan& p) { p.channels = 2; },
      [](TransformPlan& p) { p.height = 0; },
      [](TransformPlan& p) { p.width = 20000; },
      [](TransformPlan& p) { p.pad = -1; },
      [](TransformPlan& p) { p.resize_short = 10; },
      [](TransformPlan& p) { p.crop_scale_low = 0; },
      [](TransformPlan& p) { p.crop_scale_high = 1.5f; },
      [](TransformPlan& p) { p.crop_scale_low = 0.9f, p.crop_scale_high = 0.8f; },
      [](TransformPlan& p) { p.crop_ratio_low = 0; },
      [](TransformPlan& p) { p.crop_ratio_low = 2; },
      [](TransformPlan& p) { p.jitter.brightness = -0.1f; },
      [](TransformPlan& p) { p.jitter.hue = 0.6f; },
      [](TransformPlan& p) { p.jitter.contrast = std::nanf(""); },
      [](TransformPlan& p) { p.rotate_degrees = std::nanf(""); },
      [](TransformPlan& p) { p.rotate_degrees = -1; },
      [](TransformPlan& p) {
        p.mean = {0.5f, 0.5f, 0.5f};
      },
      [](TransformPlan& p) { p.mean = {0.5f}, p.deviation = {0.5f}; },
      [](TransformPlan& p) {
        p.mean = {0.5f, 0.5f, std::nanf("")}, p.deviation = {1, 1, 1};
      },
      [](TransformPlan& p) {
        p.mean = {0, 0, 0}, p.deviation = {1, 0, 1};
      },
      [](TransformPlan& p) {
        p.mean = {0, 0, 0}, p.deviation = {1, std::nanf(""), 1};
      },
      [](TransformPlan& p) {
        p.mean = {0, 0, 0}, p.deviation = {1, HUGE_VALF, 1};
      }};
  CHECK_NOTHROW(TransformPlan().check());
  int number = 0;
  for (const auto& mistake : mistakes) {
    TransformPlan plan;
    mistake(plan);
    CAPTURE(number);
    CHECK_THROWS_AS(plan.check(), UsageError);
    ++number;
  }
  std::vector<float> small(5);
  CHECK_THROWS_AS(transform(test::noisy_picture(4, 4, 3, 1), plan_of(3, 4, 4), nullptr, small), UsageError);
}

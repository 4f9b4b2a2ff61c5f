// The random part of a transform against closed forms.
#include <algorithm>
#include <array>
#include <set>

#include "engine/data/augment.h"
#include "tests/data/support.h"

using namespace engine;

namespace {

FloatImage random_image(int width, int height, int channels, std::uint64_t seed, float low = 0.0f, float high = 1.0f) {
  Random random(RandomKey(seed, RandomStream::test));
  FloatImage image{width, height, channels, {}};
  image.samples.resize(static_cast<std::size_t>(width * height * channels));
  for (float& v : image.samples) v = random.uniform(low, high);
  return image;
}

float at(const FloatImage& image, int x, int y, int c = 0) {
  return image.samples[static_cast<std::size_t>((y * image.width + x) * image.channels + c)];
}

double grey(const FloatImage& image, std::size_t pixel) {
  const float* p = &image.samples[pixel * 3];
  return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
}

RandomKey key_of(std::uint32_t sample) {
  RandomKey key(42, RandomStream::augment);
  key.sample = sample;
  return key;
}

FloatImage jittered(FloatImage image, const ColorJitter& jitter, std::uint32_t sample) {
  Random random(key_of(sample));
  change_colors(image, draw_color_steps(jitter, random));
  return image;
}

// Hue in turns, by the hexagon (as Python's colorsys).
double hue_of(const float* p) {
  const double high = std::max({p[0], p[1], p[2]}), low = std::min({p[0], p[1], p[2]});
  const double r = (high - p[0]) / (high - low), g = (high - p[1]) / (high - low), b = (high - p[2]) / (high - low);
  const double sixth = p[0] == high ? b - g : p[1] == high ? 2.0 + r - b : 4.0 + g - r;
  return sixth / 6.0 - std::floor(sixth / 6.0);
}

// Smallest and largest of many draws lie inside the range and reach near its ends; the mean is its middle.
void check_uniform(const std::vector<double>& draws, double low, double high) {
  const auto [smallest, largest] = std::minmax_element(draws.begin(), draws.end());
  const double width = high - low;
  CHECK(*smallest >= low - 1e-4);
  CHECK(*largest <= high + 1e-4);
  CHECK(*smallest <= low + 0.05 * width);
  CHECK(*largest >= high - 0.05 * width);
  double mean = 0.0;
  for (const double d : draws) mean += d / static_cast<double>(draws.size());
  const double deviation = width / std::sqrt(12.0 * static_cast<double>(draws.size()));
  CHECK(std::abs(mean - 0.5 * (low + high)) <= 5.0 * deviation);
}

}  // namespace

TEST_CASE("Flips turn rows and columns around; twice is nothing") {
  for (const auto& [w, h] : {std::pair{7, 4}, {8, 5}, {1, 3}, {3, 1}}) {
    const FloatImage image = random_image(w, h, 3, 1);
    FloatImage sideways = image, upside = image;
    flip_horizontally(sideways);
    flip_vertically(upside);
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x)
        for (int c = 0; c < 3; ++c) {
          CHECK(at(sideways, x, y, c) == at(image, w - 1 - x, y, c));
          CHECK(at(upside, x, y, c) == at(image, x, h - 1 - y, c));
        }
    flip_horizontally(sideways);
    flip_vertically(upside);
    CHECK(sideways.samples == image.samples);
    CHECK(upside.samples == image.samples);
  }
}

TEST_CASE("Right angles move whole pixels, counter-clockwise") {
  const FloatImage image = random_image(9, 9, 3, 2);
  const FloatImage by90 = rotated(image, 90), by180 = rotated(image, 180), by270 = rotated(image, -90);
  double worst = 0.0;
  for (int y = 0; y < 9; ++y)
    for (int x = 0; x < 9; ++x)
      for (int c = 0; c < 3; ++c)
        // Counter-clockwise as one sees it: what was at the right edge comes to the top.
        for (const double gap :
             {by90.samples[static_cast<std::size_t>((y * 9 + x) * 3 + c)] - at(image, 8 - y, x, c),
              at(by180, x, y, c) - at(image, 8 - x, 8 - y, c), at(by270, x, y, c) - at(image, y, 8 - x, c)})
          worst = std::abs(gap) <= worst ? worst : std::abs(gap);
  CHECK(worst <= 1e-6);
  CHECK(rotated(image, 0).samples == image.samples);
}

TEST_CASE("A linear ramp stays linear under rotation, and what comes from outside is black") {
  // Bilinear interpolation is exact on a + b x + c y.
  const int w = 21, h = 15;
  FloatImage ramp{w, h, 1, {}};
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) ramp.samples.push_back(static_cast<float>(0.2 + 0.01 * x + 0.02 * y));
  for (const double degrees : {7.0, -33.0, 123.0}) {
    CAPTURE(degrees);
    const FloatImage turned = rotated(ramp, static_cast<float>(degrees));
    const double angle = degrees * std::acos(-1.0) / 180.0;
    int inside = 0, outside = 0;
    for (int y = 0; y < h; ++y)
      for (int x = 0; x < w; ++x) {
        // With y pointing up, a counter-clockwise turn takes (u, v) to (u cos - v sin, u sin + v cos); this is its
        // inverse.
        const double u = x - 10.0, v = 7.0 - y;
        const double from_x = 10.0 + u * std::cos(angle) + v * std::sin(angle);
        const double from_y = 7.0 - (v * std::cos(angle) - u * std::sin(angle));
        if (from_x >= 0 && from_x <= w - 1 && from_y >= 0 && from_y <= h - 1) {
          ++inside;
          CHECK(std::abs(at(turned, x, y) - (0.2 + 0.01 * from_x + 0.02 * from_y)) <= 1e-5);
        } else if (from_x < -1 || from_x > w || from_y < -1 || from_y > h) {
          ++outside;
          CHECK(at(turned, x, y) == 0.0f);
        }
      }
    CHECK(inside > 50);
    CHECK(outside > 0);
  }
}

TEST_CASE("Brightness multiplies by one factor in its range") {
  const FloatImage image = random_image(6, 6, 3, 3, 0.1f, 0.6f);
  std::vector<double> factors;
  for (std::uint32_t sample = 0; sample < 400; ++sample) {
    const FloatImage out = jittered(image, {0.4f, 0, 0, 0}, sample);
    const double factor = static_cast<double>(out.samples[0]) / image.samples[0];
    factors.push_back(factor);
    for (std::size_t i = 0; i < out.samples.size(); ++i)
      CHECK(std::abs(out.samples[i] - std::min(1.0, factor * image.samples[i])) <= 1e-5);
  }
  check_uniform(factors, 0.6, 1.4);
}

TEST_CASE("Contrast pulls towards the mean grey, saturation towards each pixel's grey") {
  const FloatImage image = random_image(7, 5, 3, 4, 0.35f, 0.65f);
  const std::size_t pixels = 35;
  double mean = 0.0;
  for (std::size_t i = 0; i < pixels; ++i) mean += grey(image, i) / pixels;
  std::vector<double> contrasts, saturations;
  for (std::uint32_t sample = 0; sample < 400; ++sample) {
    const FloatImage contrast = jittered(image, {0, 0.5f, 0, 0}, sample);
    const FloatImage saturation = jittered(image, {0, 0, 0.5f, 0}, sample);
    const double c = (contrast.samples[0] - mean) / (image.samples[0] - mean);
    const double s = (saturation.samples[0] - grey(image, 0)) / (image.samples[0] - grey(image, 0));
    contrasts.push_back(c);
    saturations.push_back(s);
    for (std::size_t i = 0; i < image.samples.size(); ++i) {
      CHECK(std::abs(contrast.samples[i] - (mean + c * (image.samples[i] - mean))) <= 1e-4);
      const double own = grey(image, i / 3);
      CHECK(std::abs(saturation.samples[i] - (own + s * (image.samples[i] - own))) <= 1e-4);
    }
  }
  check_uniform(contrasts, 0.5, 1.5);
  check_uniform(saturations, 0.5, 1.5);
}

TEST_CASE("Hue turns every colour by the same angle and keeps its largest and smallest value") {
  FloatImage image = random_image(6, 4, 3, 5);
  for (std::size_t c = 0; c < 3; ++c) image.samples[c] = 0.25f;  // a grey pixel has no hue
  std::vector<double> turns;
  for (std::uint32_t sample = 0; sample < 400; ++sample) {
    const FloatImage out = jittered(image, {0, 0, 0, 0.25f}, sample);
    for (std::size_t c = 0; c < 3; ++c) CHECK(out.samples[c] == 0.25f);
    double first = 0.0;
    for (std::size_t i = 1; i < 24; ++i) {
      const float *before = &image.samples[i * 3], *after = &out.samples[i * 3];
      CHECK(std::abs(*std::max_element(after, after + 3) - *std::max_element(before, before + 3)) <= 1e-5);
      CHECK(std::abs(*std::min_element(after, after + 3) - *std::min_element(before, before + 3)) <= 1e-5);
      const double turn = std::remainder(hue_of(after) - hue_of(before), 1.0);
      if (i == 1) first = turn;
      CHECK(std::abs(std::remainder(turn - first, 1.0)) <= 1e-3);
    }
    turns.push_back(first);
  }
  check_uniform(turns, -0.25, 0.25);
}

TEST_CASE("Grey pictures keep their one channel: only brightness and contrast touch them") {
  const FloatImage image = random_image(5, 5, 1, 6, 0.3f, 0.6f);
  CHECK(jittered(image, {0, 0, 0.9f, 0.5f}, 1).samples == image.samples);
  const FloatImage out = jittered(image, {0, 0.5f, 0, 0}, 1);
  CHECK(out.samples != image.samples);
  double before = 0.0, after = 0.0;
  for (std::size_t i = 0; i < 25; ++i) before += image.samples[i], after += out.samples[i];
  CHECK(std::abs(before - after) <= 1e-4);  // the mean stays
}

TEST_CASE("All four adjustments together come in every order, stay in [0, 1], and are repeatable") {
  const FloatImage image = random_image(5, 4, 3, 7);
  std::set<std::vector<float>> seen;
  for (std::uint32_t sample = 0; sample < 50; ++sample) {
    const FloatImage out = jittered(image, {0.9f, 0.9f, 0.9f, 0.5f}, sample);
    for (const float v : out.samples) CHECK((v >= 0.0f && v <= 1.0f));
    CHECK(out.samples == jittered(image, {0.9f, 0.9f, 0.9f, 0.5f}, sample).samples);
    seen.insert(out.samples);
  }
  CHECK(seen.size() == 50);
  CHECK(jittered(image, {}, 3).samples == image.samples);
}

TEST_CASE("Random crops lie inside, with area and aspect drawn from their ranges") {
  TransformPlan plan;
  plan.crop_scale_low = 0.2f, plan.crop_scale_high = 0.5f;
  plan.crop_ratio_low = 0.5f, plan.crop_ratio_high = 2.0f;
  std::vector<double> areas, log_ratios, lefts;
  for (std::uint32_t sample = 0; sample < 1000; ++sample) {
    Random random(key_of(sample));
    const Box b = random_crop_box(1000, 1000, plan, random);
    const double w = b.right - b.left, h = b.bottom - b.top;
    CHECK(b.left >= 0);
    CHECK(b.top >= 0);
    CHECK(b.right <= 1000);
    CHECK(b.bottom <= 1000);
    for (const double edge : {b.left, b.top, b.right, b.bottom}) CHECK(edge == std::floor(edge));
    areas.push_back(w * h * 1e-6);
    log_ratios.push_back(std::log2(w / h));
    lefts.push_back(b.left / (1000 - w));
  }
  for (double& a : areas) a = std::clamp(a, a - 1e-3, a + 1e-3);
  CHECK(*std::min_element(areas.begin(), areas.end()) >= 0.2 - 2e-3);  // sides are whole pixels
  CHECK(*std::max_element(areas.begin(), areas.end()) <= 0.5 + 2e-3);
  CHECK(*std::min_element(log_ratios.begin(), log_ratios.end()) >= -1.0 - 0.01);
  CHECK(*std::max_element(log_ratios.begin(), log_ratios.end()) <= 1.0 + 0.01);
  double mean_area = 0.0, mean_log = 0.0;
  for (std::size_t i = 0; i < areas.size(); ++i) mean_area += areas[i] / 1000, mean_log += log_ratios[i] / 1000;
  CHECK(std::abs(mean_area - 0.35) <= 5 * 0.3 / std::sqrt(12e3));
  CHECK(std::abs(mean_log) <= 5 * 2.0 / std::sqrt(12e3));
  check_uniform(lefts, 0.0, 1.0);
}

TEST_CASE("Where no crop fits, the largest central one of the nearest aspect is taken") {
  TransformPlan plan;
  plan.crop_scale_low = plan.crop_scale_high = 1.0f;  // of a strip, no box of ratio 3/4 .. 4/3 has the whole area
  Random random(key_of(1));
  const Box wide = random_crop_box(100, 10, plan, random);
  CHECK(wide.top == 0);
  CHECK(wide.bottom == 10);
  CHECK(wide.right - wide.left == 13);  // 10 * 4 / 3
  CHECK(wide.left == 43);
  const Box tall = random_crop_box(10, 100, plan, random);
  CHECK(tall.left == 0);
  CHECK(tall.right == 10);
  CHECK(tall.bottom - tall.top == 13);  // 10 / (3 / 4)
  CHECK(tall.top == 43);
  const Box pixel = random_crop_box(1, 1, plan, random);
  CHECK(pixel.right - pixel.left == 1);
  CHECK(pixel.bottom - pixel.top == 1);
}

TEST_CASE("A transform's random part is a function of seed, epoch and sample") {
  TransformPlan plan;
  plan.height = plan.width = 8;
  plan.random_resized_crop = plan.horizontal_flip = plan.vertical_flip = true;
  plan.rotate_degrees = 20;
  plan.jitter = {0.2f, 0.2f, 0.2f, 0.1f};
  const Image image = test::noisy_picture(20, 16, 3, 9);
  std::set<std::vector<float>> versions;
  const auto with = [&](std::uint64_t seed, std::uint32_t epoch, std::uint32_t sample) {
    RandomKey key(seed, RandomStream::augment);
    key.epoch = epoch;
    key.sample = sample;
    std::vector<float> out(plan.output_size());
    transform(image, plan, &key, out);
    return out;
  };
  for (std::uint64_t seed = 1; seed <= 3; ++seed)
    for (std::uint32_t epoch = 0; epoch < 3; ++epoch)
      for (std::uint32_t sample = 0; sample < 3; ++sample) {
        CHECK(with(seed, epoch, sample) == with(seed, epoch, sample));
        versions.insert(with(seed, epoch, sample));
      }
  CHECK(versions.size() == 27);
}

TEST_CASE("Each flip happens half of the time, independently of the other") {
  TransformPlan plan;
  plan.height = 4, plan.width = 6;
  plan.horizontal_flip = plan.vertical_flip = true;
  const Image image = test::noisy_picture(6, 4, 3, 10);
  TransformPlan still = plan;
  still.horizontal_flip = still.vertical_flip = false;
  std::vector<float> plain(plan.output_size()), out(plan.output_size());
  transform(image, still, nullptr, plain);
  std::array<int, 4> count{};
  for (std::uint32_t sample = 0; sample < 2000; ++sample) {
    const RandomKey key = key_of(sample);
    transform(image, plan, &key, out);
    for (std::size_t kind = 0; kind < 4; ++kind) {
      bool matches = true;
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t x = i % 6, y = i / 6 % 4, c = i / 24;
        const std::size_t from = (c * 4 + (kind & 2 ? 3 - y : y)) * 6 + (kind & 1 ? 5 - x : x);
        matches = matches && out[i] == plain[from];
      }
      count[kind] += matches;
    }
  }
  for (const int c : count) {  // binomial: 500, deviation 19.4
    CHECK(c >= 400);
    CHECK(c <= 600);
  }
  CHECK(count[0] + count[1] + count[2] + count[3] == 2000);
}

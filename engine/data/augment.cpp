#include "engine/data/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace engine {
namespace {

// Weights of grey as in ITU-R 601.
float grey_of(const float* p, int channels) {
  return channels == 3 ? 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2] : p[0];
}

float blend(float a, float b, float factor) { return std::clamp(factor * a + (1.0f - factor) * b, 0.0f, 1.0f); }

void adjust_contrast(FloatImage& image, float factor) {
  double sum = 0;
  const std::size_t pixels = image.samples.size() / static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < pixels; ++i)
    sum += grey_of(image.samples.data() + i * static_cast<std::size_t>(image.channels), image.channels);
  const auto mean = static_cast<float>(sum / static_cast<double>(std::max<std::size_t>(pixels, 1)));
  for (float& v : image.samples) v = blend(v, mean, factor);
}

void adjust_saturation(FloatImage& image, float factor) {
  if (image.channels != 3) return;
  for (std::size_t i = 0; i + 2 < image.samples.size(); i += 3) {
    const float grey = grey_of(&image.samples[i], 3);
    for (std::size_t c = 0; c < 3; ++c) image.samples[i + c] = blend(image.samples[i + c], grey, factor);
  }
}

// Turns the hue by `turn` of the circle, through HSV.
void turn_hue(FloatImage& image, float turn) {
  if (image.channels != 3) return;
  for (std::size_t i = 0; i + 2 < image.samples.size(); i += 3) {
    float* p = &image.samples[i];
    const float high = std::max({p[0], p[1], p[2]}), low = std::min({p[0], p[1], p[2]}), chroma = high - low;
    if (chroma <= 0.0f) continue;
    float hue = high == p[0]   ? (p[1] - p[2]) / chroma
                : high == p[1] ? 2.0f + (p[2] - p[0]) / chroma
                               : 4.0f + (p[0] - p[1]) / chroma;
    hue = hue / 6.0f + turn;
    hue -= std::floor(hue);
    for (int c = 0; c < 3; ++c) {
      const float n = std::fmod(static_cast<float>(c == 0 ? 5 : c == 1 ? 3 : 1) + hue * 6.0f, 6.0f);
      p[c] = high - chroma * std::clamp(std::min(n, 4.0f - n), 0.0f, 1.0f);
    }
  }
}

// The part of the picture that the centre crop of the resized picture shows, in pixels of the original. Resizing and
// cropping in one step saves the pixels nobody sees.
Box central_box(int width, int height, const TransformPlan& plan) {
  const int short_side = std::min(width, height);
  double scale;  // original pixels per resized pixel
  if (plan.resize_short > 0)
    scale = static_cast<double>(short_side) / plan.resize_short;
  else
    scale = std::min(static_cast<double>(width) / plan.width, static_cast<double>(height) / plan.height);
  const double w = std::min<double>(width, plan.width * scale), h = std::min<double>(height, plan.height * scale);
  const double left = (width - w) / 2, top = (height - h) / 2;
  return {left, top, left + w, top + h};
}

}  // namespace

Box random_crop_box(int width, int height, const TransformPlan& plan, Random& random) {
  const double area = static_cast<double>(width) * height;
  const double log_low = std::log(plan.crop_ratio_low), log_high = std::log(plan.crop_ratio_high);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * random.uniform(plan.crop_scale_low, plan.crop_scale_high);
    const double ratio = std::exp(log_low + (log_high - log_low) * random.uniform());
    const auto w = static_cast<int>(std::lround(std::sqrt(target * ratio)));
    const auto h = static_cast<int>(std::lround(std::sqrt(target / ratio)));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const auto top = static_cast<int>(random.below(static_cast<std::uint32_t>(height - h + 1)));
    const auto left = static_cast<int>(random.below(static_cast<std::uint32_t>(width - w + 1)));
    return {static_cast<double>(left), static_cast<double>(top), static_cast<double>(left + w),
            static_cast<double>(top + h)};
  }
  const double ratio = std::clamp(static_cast<double>(width) / height, static_cast<double>(plan.crop_ratio_low),
                                  static_cast<double>(plan.crop_ratio_high));
  const double w = std::min<double>(width, std::round(height * ratio)), h = std::min<double>(height, std::round(width / ratio));
  const double left = std::floor((width - w) / 2), top = std::floor((height - h) / 2);
  return {left, top, left + w, top + h};
}

void flip_horizontally(FloatImage& image) {
  const auto c = static_cast<std::ptrdiff_t>(image.channels);
  for (int y = 0; y < image.height; ++y) {
    float* row = image.samples.data() + static_cast<std::ptrdiff_t>(y) * image.width * c;
    for (int x = 0; x < image.width / 2; ++x)
      std::swap_ranges(row + x * c, row + (x + 1) * c, row + (image.width - 1 - x) * c);
  }
}

void flip_vertically(FloatImage& image) {
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(image.width) * image.channels;
  for (int y = 0; y < image.height / 2; ++y)
    std::swap_ranges(image.samples.begin() + y * stride, image.samples.begin() + (y + 1) * stride,
                     image.samples.begin() + (image.height - 1 - y) * stride);
}

FloatImage rotated(const FloatImage& image, float degrees) {
  FloatImage out = image;
  const double radians = static_cast<double>(degrees) * std::numbers::pi / 180.0;
  const double cosine = std::cos(radians), sine = std::sin(radians);
  const double cx = (image.width - 1) / 2.0, cy = (image.height - 1) / 2.0;
  const auto sample = [&](int x, int y, int c) {
    if (x < 0 || y < 0 || x >= image.width || y >= image.height) return 0.0;
    return static_cast<double>(
        image.samples[(static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(x)) *
                          static_cast<std::size_t>(image.channels) + static_cast<std::size_t>(c)]);
  };
  std::size_t at = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const double sx = cosine * (x - cx) - sine * (y - cy) + cx, sy = sine * (x - cx) + cosine * (y - cy) + cy;
      const int x0 = static_cast<int>(std::floor(sx)), y0 = static_cast<int>(std::floor(sy));
      const double fx = sx - x0, fy = sy - y0;
      for (int c = 0; c < image.channels; ++c)
        out.samples[at++] = static_cast<float>(
            (1 - fy) * ((1 - fx) * sample(x0, y0, c) + fx * sample(x0 + 1, y0, c)) +
            fy * ((1 - fx) * sample(x0, y0 + 1, c) + fx * sample(x0 + 1, y0 + 1, c)));
    }
  return out;
}

ColorSteps draw_color_steps(const ColorJitter& j, Random& random) {
  std::array<std::size_t, 4> order{0, 1, 2, 3};
  for (std::size_t i = 4; i > 1; --i) std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  // All four are drawn whatever is active, so that switching one off does not change the others.
  const auto factor = [&](float v) { return random.uniform(std::max(0.0f, 1.0f - v), 1.0f + v); };
  const float brightness = factor(j.brightness), contrast = factor(j.contrast), saturation = factor(j.saturation);
  const std::array<float, 4> factors{brightness, contrast, saturation, random.uniform(-j.hue, j.hue)};
  const std::array<float, 4> amounts{j.brightness, j.contrast, j.saturation, j.hue};
  ColorSteps drawn;
  for (std::size_t i = 0; i < 4; ++i) {
    if (!(amounts[order[i]] > 0)) continue;
    drawn.steps[i] = static_cast<ColorStep>(order[i] + 1);
    drawn.factors[i] = factors[order[i]];
  }
  return drawn;
}

void change_colors(FloatImage& image, const ColorSteps& drawn) {
  for (std::size_t i = 0; i < 4; ++i) {
    const float factor = drawn.factors[i];
    switch (drawn.steps[i]) {
      case ColorStep::none: break;
      case ColorStep::brightness:
        for (float& v : image.samples) v = blend(v, 0.0f, factor);
        break;
      case ColorStep::contrast: adjust_contrast(image, factor); break;
      case ColorStep::saturation: adjust_saturation(image, factor); break;
      case ColorStep::hue: turn_hue(image, factor); break;
    }
  }
}

Decisions decide(int width, int height, const TransformPlan& plan, const RandomKey* key) {
  Decisions d;
  if (!key) {
    d.box = central_box(width, height, plan);
    return d;
  }
  Random random(*key);
  d.box = plan.random_resized_crop ? random_crop_box(width, height, plan, random) : central_box(width, height, plan);
  d.flip_x = plan.horizontal_flip && random.bernoulli(0.5f);
  d.flip_y = plan.vertical_flip && random.bernoulli(0.5f);
  if (plan.rotate_degrees > 0) d.degrees = random.uniform(-plan.rotate_degrees, plan.rotate_degrees);
  if (plan.jitter.active()) d.colors = draw_color_steps(plan.jitter, random);
  return d;
}

}  // namespace engine

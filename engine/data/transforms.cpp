#include "engine/data/transforms.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/data/augment.h"
#include "engine/io/image_decode.h"
#include "engine/io/json.h"
#include "engine/tensor/error.h"

namespace engine {
namespace {

constexpr std::array<const char*, 3> interpolation_names{"nearest", "bilinear", "bicubic"};

bool whole(const Box& b, int width, int height) {
  return b.left == 0 && b.top == 0 && b.right == width && b.bottom == height;
}

FloatImage to_float(const Image& image) {
  FloatImage out{image.width, image.height, image.channels, std::vector<float>(image.sample_count())};
  const float factor = 1.0f / image.scale();
  const auto convert = [&](const auto& samples) {
    for (std::size_t i = 0; i < samples.size(); ++i) out.samples[i] = static_cast<float>(samples[i]) * factor;
  };
  image.wide ? convert(image.samples16) : convert(image.samples8);
  return out;
}

void write_planes(const FloatImage& image, const TransformPlan& plan, std::span<float> out) {
  const auto c = static_cast<std::size_t>(plan.channels), w = static_cast<std::size_t>(plan.output_width());
  const auto plane = w * static_cast<std::size_t>(plan.output_height()), pad = static_cast<std::size_t>(plan.pad);
  for (std::size_t channel = 0; channel < c; ++channel) {
    const float mean = plan.mean.empty() ? 0.0f : plan.mean[channel];
    const float inverse = plan.deviation.empty() ? 1.0f : 1.0f / plan.deviation[channel];
    float* to = out.data() + channel * plane;
    if (pad > 0) std::fill(to, to + plane, (0.0f - mean) * inverse);
    for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y) {
      const float* from = image.samples.data() + y * static_cast<std::size_t>(image.width) * c + channel;
      float* row = to + (y + pad) * w + pad;
      for (std::size_t x = 0; x < static_cast<std::size_t>(image.width); ++x) row[x] = (from[x * c] - mean) * inverse;
    }
  }
}

template <class T>
T field(const nlohmann::json& j, const char* key) {
  const auto found = j.find(key);
  if (found == j.end()) throw DataError("transform plan: no '{}'", key);
  try {
    return json_as<T>(*found);
  } catch (const DataError& e) {
    throw DataError("transform plan: '{}': {}", key, e.what());
  }
}

}  // namespace

int TransformPlan::short_side_hint() const {
  // A random crop may show a small part of the picture at full size.
  const double least = random_resized_crop ? std::sqrt(static_cast<double>(crop_scale_low)) : 1.0;
  return static_cast<int>(std::ceil(std::max({height, width, resize_short}) / least));
}

void TransformPlan::check() const {
  if (channels != 1 && channels != 3) throw UsageError("pictures have 1 or 3 channels, not {}", channels);
  if (height < 1 || width < 1 || height > 16384 || width > 16384 || pad < 0 || pad > 4096)
    throw UsageError("cannot make pictures of {}x{} with padding {}", height, width, pad);
  if (resize_short != 0 && resize_short < std::min(height, width))
    throw UsageError("resize to {} is smaller than the crop of {}x{}", resize_short, height, width);
  if (!(crop_scale_low > 0 && crop_scale_low <= crop_scale_high && crop_scale_high <= 1))
    throw UsageError("random resized crop: expected 0 < low <= high <= 1, found {} and {}", crop_scale_low, crop_scale_high);
  if (!(crop_ratio_low > 0 && crop_ratio_low <= crop_ratio_high))
    throw UsageError("random resized crop: ratios {} and {}", crop_ratio_low, crop_ratio_high);
  if (!(jitter.brightness >= 0 && jitter.contrast >= 0 && jitter.saturation >= 0 && jitter.hue >= 0 && jitter.hue <= 0.5f))
    throw UsageError("colour jitter: expected non-negative amounts and a hue of at most 0.5");
  if (!(rotate_degrees >= 0 && rotate_degrees <= 360))
    throw UsageError("rotation: expected 0 to 360 degrees, found {}", rotate_degrees);
  const auto n = static_cast<std::size_t>(channels);
  if (mean.size() != deviation.size() || (!mean.empty() && mean.size() != n))
    throw UsageError("normalisation: {} means and {} deviations for {} channels", mean.size(), deviation.size(), channels);
  for (float d : deviation)
    if (!(d > 0 && std::isfinite(d))) throw UsageError("normalisation: a deviation of {}", d);
  for (float m : mean)
    if (!std::isfinite(m)) throw UsageError("normalisation: a mean of {}", m);
}

void transform(const Image& original, const TransformPlan& plan, const RandomKey* key, std::span<float> out) {
  if (out.size() != plan.output_size()) throw UsageError("transform: {} floats for {}", out.size(), plan.output_size());
  const bool converts = original.channels != plan.channels;
  const Image converted = converts ? to_channels(original, plan.channels) : Image();
  const Image& image = converts ? converted : original;
  const Decisions d = decide(image.width, image.height, plan, key);
  const bool as_it_is = image.width == plan.width && image.height == plan.height && whole(d.box, image.width, image.height);
  FloatImage picture = to_float(as_it_is ? image : resize(image, plan.width, plan.height, plan.interpolation, d.box));
  if (d.flip_x) flip_horizontally(picture);
  if (d.flip_y) flip_vertically(picture);
  if (d.degrees) picture = rotated(picture, *d.degrees);
  change_colors(picture, d.colors);
  write_planes(picture, plan, out);
}

nlohmann::json to_json(const TransformPlan& p) {
  return {{"channels", p.channels},
          {"height", p.height},
          {"width", p.width},
          {"resize_short", p.resize_short},
          {"pad", p.pad},
          {"interpolation", interpolation_names[static_cast<std::size_t>(p.interpolation)]},
          {"random_resized_crop", p.random_resized_crop},
          {"crop_scale", {p.crop_scale_low, p.crop_scale_high}},
          {"crop_ratio", {p.crop_ratio_low, p.crop_ratio_high}},
          {"horizontal_flip", p.horizontal_flip},
          {"vertical_flip", p.vertical_flip},
          {"rotate_degrees", p.rotate_degrees},
          {"jitter", {p.jitter.brightness, p.jitter.contrast, p.jitter.saturation, p.jitter.hue}},
          {"mean", p.mean},
          {"deviation", p.deviation}};
}

TransformPlan transform_plan_from_json(const nlohmann::json& j) {
  TransformPlan p;
  p.channels = field<int>(j, "channels");
  p.height = field<int>(j, "height");
  p.width = field<int>(j, "width");
  p.resize_short = field<int>(j, "resize_short");
  p.pad = field<int>(j, "pad");
  const auto name = field<std::string>(j, "interpolation");
  const auto it = std::find(interpolation_names.begin(), interpolation_names.end(), name);
  if (it == interpolation_names.end()) throw DataError("transform plan: unknown interpolation '{}'", name);
  p.interpolation = static_cast<Interpolation>(it - interpolation_names.begin());
  p.random_resized_crop = field<bool>(j, "random_resized_crop");
  const auto scale = field<std::array<float, 2>>(j, "crop_scale"), ratio = field<std::array<float, 2>>(j, "crop_ratio");
  p.crop_scale_low = scale[0], p.crop_scale_high = scale[1];
  p.crop_ratio_low = ratio[0], p.crop_ratio_high = ratio[1];
  p.horizontal_flip = field<bool>(j, "horizontal_flip");
  p.vertical_flip = field<bool>(j, "vertical_flip");
  p.rotate_degrees = field<float>(j, "rotate_degrees");
  const auto jitter = field<std::array<float, 4>>(j, "jitter");
  p.jitter = {jitter[0], jitter[1], jitter[2], jitter[3]};
  p.mean = field<std::vector<float>>(j, "mean");
  p.deviation = field<std::vector<float>>(j, "deviation");
  try {
    p.check();
  } catch (const UsageError& e) {
    throw DataError("transform plan: {}", e.what());
  }
  return p;
}

}  // namespace engine

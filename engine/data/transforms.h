// From a decoded picture to the numbers a network sees. A plan is data: the checkpoint keeps it, so that evaluation and
// prediction see what training saw.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "engine/io/image.h"
#include "engine/io/resize.h"
#include "engine/tensor/philox.h"

namespace engine {

struct ColorJitter {
  float brightness = 0, contrast = 0, saturation = 0;  ///< factors drawn from [1 - v, 1 + v]
  float hue = 0;                                       ///< turn drawn from [-v, v] of the colour circle, v <= 0.5
  bool active() const { return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0; }
};

/// Deterministic part: channels, resize of the short side, centre crop, padding, normalisation. Random part, in training
/// only: resized crop, flips, rotation, colour.
struct TransformPlan {
  int channels = 3;          ///< 1 or 3
  int height = 224, width = 224;  ///< after cropping, before padding
  int resize_short = 0;      ///< short side before the centre crop; 0: the smallest that covers height x width
  int pad = 0;               ///< zeros (black) added on every side
  Interpolation interpolation = Interpolation::bilinear;

  bool random_resized_crop = false;
  float crop_scale_low = 0.08f, crop_scale_high = 1.0f;          ///< share of the area
  float crop_ratio_low = 3.0f / 4.0f, crop_ratio_high = 4.0f / 3.0f;
  bool horizontal_flip = false, vertical_flip = false;
  float rotate_degrees = 0;  ///< angle drawn from [-v, v]
  ColorJitter jitter;

  std::vector<float> mean, deviation;  ///< per channel on the scale [0, 1]; empty: no normalisation

  int output_height() const { return height + 2 * pad; }
  int output_width() const { return width + 2 * pad; }
  std::size_t output_size() const {
    return static_cast<std::size_t>(channels) * static_cast<std::size_t>(output_height()) *
           static_cast<std::size_t>(output_width());
  }
  /// How small a JPEG may be decoded, for Dataset::load.
  int short_side_hint() const;
  /// Throws UsageError for sizes, ranges or statistics that make no sense.
  void check() const;
};
nlohmann::json to_json(const TransformPlan& plan);
/// Throws DataError naming the key that is missing or of the wrong type.
TransformPlan transform_plan_from_json(const nlohmann::json& j);

/// Writes the picture as CHW floats (plan.output_size() of them). Every random decision comes from `key`; without a key
/// only the deterministic part is done.
void transform(const Image& image, const TransformPlan& plan, const RandomKey* key, std::span<float> out);

}  // namespace engine

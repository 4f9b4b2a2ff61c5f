// The random steps of a transform, on HWC pictures of floats in [0, 1]. Closed forms at their neutral points: a rotation
// by 0 and a jitter of factor 1 change nothing.
#pragma once

#include <array>
#include <optional>

#include "engine/data/transforms.h"
#include "kernels/pictures.h"

namespace engine {

/// torchvision's RandomResizedCrop: ten tries for a box of random area and aspect, then the largest central one.
Box random_crop_box(int width, int height, const TransformPlan& plan, Random& random);
void flip_horizontally(FloatImage& image);
void flip_vertically(FloatImage& image);
/// Counter-clockwise about the centre, bilinear; what comes from outside is black.
FloatImage rotated(const FloatImage& image, float degrees);
/// Changes of colour: brightness, contrast and saturation by a factor, hue by a turn.
struct ColorSteps {
  std::array<ColorStep, 4> steps{};  ///< in this order; none where there is nothing to do
  std::array<float, 4> factors{};
};
/// The four in random order, as far as `jitter` has them.
ColorSteps draw_color_steps(const ColorJitter& jitter, Random& random);
/// Results are clamped to [0, 1]. Saturation and hue need three channels.
void change_colors(FloatImage& image, const ColorSteps& steps);

/// What is random about a picture, decided; and which part of it is seen.
struct Decisions {
  Box box;
  bool flip_x = false, flip_y = false;
  std::optional<float> degrees;
  ColorSteps colors;
};
/// Every random decision comes from `key`; without a key there is none.
Decisions decide(int width, int height, const TransformPlan& plan, const RandomKey* key);

}  // namespace engine

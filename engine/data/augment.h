// The random steps of a transform, on HWC pictures of floats in [0, 1]. Closed forms at their neutral points: a rotation
// by 0 and a jitter of factor 1 change nothing.
#pragma once

#include "engine/data/transforms.h"

namespace engine {

/// torchvision's RandomResizedCrop: ten tries for a box of random area and aspect, then the largest central one.
Box random_crop_box(int width, int height, const TransformPlan& plan, Random& random);
void flip_horizontally(FloatImage& image);
void flip_vertically(FloatImage& image);
/// Counter-clockwise about the centre, bilinear; what comes from outside is black.
FloatImage rotated(const FloatImage& image, float degrees);
/// The four adjustments in random order; results are clamped to [0, 1]. Saturation and hue need three channels.
void jitter_color(FloatImage& image, const ColorJitter& jitter, Random& random);

}  // namespace engine

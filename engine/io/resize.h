// Antialiased resizing: separable filters whose support grows with the reduction, as Pillow and torchvision do it.
#pragma once

#include <optional>

#include "engine/io/image.h"

namespace engine {

enum class Interpolation : std::uint8_t { nearest, bilinear, bicubic };

/// Part of a picture in pixels, fractions allowed.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};

/// 8-bit pictures with Pillow's fixed-point arithmetic, rounded to 8 bits after each pass; 16-bit ones in float, rounded
/// at the end. `box` picks the part that becomes the result (default: all). Throws UsageError for an empty size or box.
Image resize(const Image& image, int width, int height, Interpolation how, std::optional<Box> box = {});
/// In float throughout; bicubic may overshoot.
FloatImage resize(const FloatImage& image, int width, int height, Interpolation how, std::optional<Box> box = {});

}  // namespace engine

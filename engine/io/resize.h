// Antialiased resizing: separable filters whose support grows with the reduction, as Pillow and torchvision do it.
#pragma once

#include <optional>
#include <vector>

#include "engine/io/image.h"
#include "kernels/pictures.h"

namespace engine {

enum class Interpolation : std::uint8_t { nearest, bilinear, bicubic };

/// Part of a picture in pixels, fractions allowed.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
};

/// How one axis is resampled: result i is the sum over k < count[i] of weight[i * taps + k] times sample first[i] + k.
struct AxisWeights {
  int taps = 0;
  std::vector<int> first, count;
  std::vector<double> weight;  ///< those of a result sum to 1; unused ones are 0
};
/// `out` results of the part [begin, end) of `in` samples.
AxisWeights axis_weights(int in, double begin, double end, int out, Interpolation how);
/// A weight in Pillow's fixed point (resampling_fraction_bits).
int fixed_weight(double weight);

/// 8-bit pictures with Pillow's fixed-point arithmetic, rounded to 8 bits after each pass; 16-bit ones in float, rounded
/// at the end. `box` picks the part that becomes the result (default: all). Throws UsageError for an empty size or box.
Image resize(const Image& image, int width, int height, Interpolation how, std::optional<Box> box = {});
/// In float throughout; bicubic may overshoot.
FloatImage resize(const FloatImage& image, int width, int height, Interpolation how, std::optional<Box> box = {});

}  // namespace engine

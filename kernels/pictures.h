// A batch of decoded pictures on its way to a network: samples as they came out of the files, and what becomes of them,
// decided. The host writes it (engine/data/packed_pictures.h), a device carries it out (Backend::transform_pictures).
#pragma once

#include <array>
#include <cstdint>

namespace engine {

/// Fractional bits of the weights of 8-bit samples: Pillow's fixed point.
inline constexpr int resampling_fraction_bits = 22;

/// How one axis is resampled: result i is the sum over k < runs[i].count of weights[i * taps + k] times sample
/// runs[i].first + k. Offsets are bytes from the beginning of the body.
struct PackedAxis {
  std::int64_t runs = 0;     ///< of PackedRun, one a result
  std::int64_t weights = 0;  ///< int32 for 8-bit samples, float for 16-bit ones
  std::int32_t taps = 0;
};
struct PackedRun {
  std::int32_t first, count;
};

enum class ColorStep : std::int32_t { none, brightness, contrast, saturation, hue };

/// One picture. Only the part that its results need is there.
struct PackedPicture {
  std::int64_t samples = 0;  ///< offset in the body, rows of HWC
  std::int64_t narrow = 0;   ///< offset of its rows, resampled along x, in scratch memory
  std::int32_t width = 0, height = 0;
  std::int32_t wide = 0;     ///< 16-bit samples
  PackedAxis x, y;
  std::int32_t flip_x = 0, flip_y = 0;
  std::int32_t rotated = 0;  ///< by the angle with this cosine and sine, counter-clockwise about the centre
  double cosine = 1.0, sine = 0.0;
  std::array<ColorStep, 4> color_steps{};  ///< in this order
  std::array<float, 4> color_factors{};    ///< of each step; of hue, the turn
};

/// What all pictures of a batch have in common. In memory: the PackedPictures, then, at `body`, what they point to.
struct PictureBatch {
  std::int32_t count = 0, channels = 3;
  std::int32_t height = 0, width = 0, pad = 0;  ///< of the results, before padding
  std::int64_t body = 0;                        ///< byte offset, a multiple of 16
  std::int64_t narrow_bytes = 0;                ///< of scratch memory
  std::int32_t most_rows = 0;                   ///< of the tallest picture
  bool rotates = false, colors = false;         ///< any of them
  std::array<float, 4> mean{}, inverse_deviation{1, 1, 1, 1};
};

}  // namespace engine

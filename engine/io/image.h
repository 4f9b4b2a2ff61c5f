// Pictures as they come out of a file: interleaved rows of 8- or 16-bit samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace engine {

/// A decoded picture, row-major HWC. 16-bit files keep their 16 bits; `scale()` is the sample value of white.
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;               ///< 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA
  bool wide = false;              ///< true: samples are in `samples16`, else in `samples8`
  std::vector<std::uint8_t> samples8;
  std::vector<std::uint16_t> samples16;

  float scale() const { return wide ? 65535.0f : 255.0f; }
  std::size_t sample_count() const {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels);
  }
};

/// A picture in floats, HWC, values in [0, 1]: what transforms work on.
struct FloatImage {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<float> samples;
};

}  // namespace engine

// Headers of picture files, read without decoding. All functions stay inside the bytes they are given.
#pragma once

#include <array>
#include <span>
#include <string>

#include "engine/io/image_decode.h"

namespace engine {

using Bytes = std::span<const std::uint8_t>;

/// "jpeg", "png", "bmp", "gif", "pnm", or "" for none of them.
std::string image_format(Bytes bytes);

struct JpegMarkers {
  int orientation = 1;  ///< EXIF orientation, 1 where there is none
  bool adobe = false;   ///< has an Adobe marker: CMYK values are stored inverted
};
JpegMarkers jpeg_markers(Bytes bytes);

struct PnmHeader {
  int width = 0, height = 0, channels = 0;
  int maximum = 0;         ///< sample value of white; above 255 a sample has two bytes, the high one first
  std::size_t pixels = 0;  ///< where the samples begin
};
/// Binary PGM and PPM. Throws DataError where the header is damaged.
PnmHeader pnm_header(Bytes bytes, const std::string& name);

/// Width and height that a PNG announces; zeros where it ends before.
std::array<std::int64_t, 2> png_extents(Bytes bytes);
/// Throws DataError where a PNG chunk is cut off or its checksum is wrong: stb_image checks neither.
void check_png(Bytes bytes, const std::string& name);
/// Throws DataError where pixels are missing: stb_image would read zeros there.
void check_bmp(Bytes bytes, const std::string& name);
void check_gif(Bytes bytes, const std::string& name);

}  // namespace engine

// Pictures out of files: JPEG by libjpeg-turbo; PNG, BMP and GIF by stb_image; PNM by hand. The format is decided by content.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "engine/io/image.h"

namespace engine {

struct DecodeOptions {
  /// A JPEG may be decoded at a smaller DCT scale as long as its short side stays at least twice this; 0 = full size.
  int short_side_hint = 0;
  /// Turn JPEGs upright as their EXIF orientation says.
  bool apply_orientation = true;
  /// Larger pictures are refused before any memory is taken for them.
  std::int64_t max_pixels = std::int64_t{1} << 28;
};

struct ImageInfo {
  std::string format;  ///< "jpeg", "png", "bmp", "gif", "pnm"
  int width = 0, height = 0, channels = 0;
  bool wide = false;  ///< 16 bits a sample
};

/// What the header says. Throws DataError naming `name` and the cause.
ImageInfo probe_image(std::span<const std::uint8_t> bytes, const std::string& name);
/// Decodes; CMYK becomes RGB, palettes are expanded, 16-bit samples stay. Throws DataError for what is truncated,
/// damaged (PNG checksums included), too large or not a picture.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, const DecodeOptions& options = {});
Image read_image(const std::filesystem::path& path, const DecodeOptions& options = {});

/// The picture with 1 (ITU-R 601 luma, as Pillow) or 3 channels; alpha is dropped.
Image to_channels(const Image& image, int channels);
/// Rows and columns rearranged as EXIF orientation 1..8 says.
Image oriented(const Image& image, int orientation);

}  // namespace engine

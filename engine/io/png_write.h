// PNG files of 8-bit grey or RGB pictures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "engine/io/image.h"

namespace engine {

/// The bytes of a PNG. Throws UsageError unless the picture has 1 or 3 channels of 8 bits and all
/// its samples.
std::vector<std::uint8_t> encode_png(const Image& image);
/// Written atomically.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace engine

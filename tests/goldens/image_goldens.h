// Decoding, orientation and antialiased resizing of pictures against Pillow's and torchvision's.
#pragma once

#include <filesystem>

#include "tests/goldens/result.h"

namespace engine::goldens {

/// Runs folder/images.json: decoded pixels must be equal (the truth of JPEGs is libjpeg-turbo too), resized ones within
/// one level of Pillow's bytes and 1e-5 of torchvision's floats, and every file of folder/broken must be refused by a
/// DataError that names it.
GoldenResult run_image_goldens(const std::filesystem::path& folder);

}  // namespace engine::goldens

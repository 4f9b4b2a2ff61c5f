// MNIST and its likes: 28x28 grey pictures in IDX files.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/dataset.h"

namespace engine {

/// `split` is "train" (train-*-ubyte) or "test" (t10k-*-ubyte). Throws DataError for missing files, labels outside the
/// classes, or numbers of pictures and labels that differ.
std::shared_ptr<Dataset> open_idx_pictures(const std::filesystem::path& folder, const std::string& split,
                                           std::vector<std::string> classes, const std::string& name);

/// Where Debian's package dataset-fashion-mnist puts its files.
inline constexpr const char* fashion_mnist_folder = "/usr/share/datasets/fashion-mnist";
const std::vector<std::string>& fashion_mnist_classes();
const std::vector<std::string>& digit_classes();

}  // namespace engine

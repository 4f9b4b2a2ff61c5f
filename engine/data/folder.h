// Pictures sorted into folders by class.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/dataset.h"

namespace engine {

/// Files below `root` that look like pictures, by extension, sorted; links are followed. Throws DataError for a folder
/// that cannot be listed and for links that lead back to themselves.
std::vector<std::filesystem::path> find_pictures(const std::filesystem::path& root);

/// One sub-folder of `folder` per class, sorted by name; ids are paths relative to `folder`. With `classes` given, these
/// and no others are expected (a test split follows its training split). Throws DataError for a folder that is missing,
/// holds no class, an unknown one, or an empty one.
std::shared_ptr<Dataset> open_class_folders(const std::filesystem::path& folder, const std::string& name,
                                            const std::vector<std::string>& classes = {});

}  // namespace engine

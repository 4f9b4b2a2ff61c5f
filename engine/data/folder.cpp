#include "engine/data/folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "engine/io/image_decode.h"
#include "engine/tensor/error.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

bool has_picture_extension(const fs::path& path) {
  std::string e = path.extension().string();
  std::transform(e.begin(), e.end(), e.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array known{".jpg", ".jpeg", ".png", ".bmp", ".gif", ".pgm", ".ppm", ".pnm"};
  return std::find(known.begin(), known.end(), e) != known.end();
}

// A folder that may not be listed or a link that leads back to itself is a matter of the data.
template <class F>
auto listing(F f) {
  try {
    return f();
  } catch (const fs::filesystem_error& e) {
    throw DataError("{}", e.what());
  }
}

class ClassFolders final : public Dataset {
 public:
  ClassFolders(const fs::path& folder, std::string name, const std::vector<std::string>& classes) : root_(folder) {
    name_ = std::move(name);
    if (!fs::is_directory(folder)) throw DataError("{}: folder {} is missing", name_, folder.string());
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.is_directory() && !entry.path().filename().string().starts_with("."))
        found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    classes_ = classes.empty() ? found : classes;
    if (classes_.size() < 2)
      throw DataError("{}: expected one sub-folder per class in {}, found {}", name_, folder.string(), found.size());
    for (const std::string& f : found)
      if (std::find(classes_.begin(), classes_.end(), f) == classes_.end())
        throw DataError("{}: folder '{}' is no class of the training split ({})", name_, f, fmt::join(classes_, ", "));
    for (std::size_t c = 0; c < classes_.size(); ++c) add_class(c);
  }

  Image load(std::size_t i, int short_side_hint) const override {
    DecodeOptions options;
    options.short_side_hint = short_side_hint;
    return read_image(root_ / samples_[i].id, options);
  }

 private:
  void add_class(std::size_t c) {
    const fs::path folder = root_ / classes_[c];
    const auto pictures = fs::is_directory(folder) ? find_pictures(folder) : std::vector<fs::path>{};
    if (pictures.empty()) throw DataError("{}: class '{}' has no pictures in {}", name_, classes_[c], folder.string());
    for (const fs::path& p : pictures) {
      Sample s;
      s.id = p.lexically_relative(root_).string();  // fs::relative would follow links out of the data set
      s.group = s.id;
      s.label = static_cast<std::int64_t>(c);
      samples_.push_back(std::move(s));
    }
  }

  fs::path root_;
};

}  // namespace

std::vector<fs::path> find_pictures(const fs::path& root) {
  return listing([&] {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(root, fs::directory_options::follow_directory_symlink))
      if (entry.is_regular_file() && has_picture_extension(entry.path())) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  });
}

std::shared_ptr<Dataset> open_class_folders(const fs::path& folder, const std::string& name,
                                            const std::vector<std::string>& classes) {
  return listing([&] { return std::make_shared<ClassFolders>(folder, name, classes); });
}

}  // namespace engine

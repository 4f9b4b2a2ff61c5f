#include "engine/data/mnist.h"

#include <fmt/core.h>

#include "engine/data/idx.h"
#include "engine/tensor/error.h"

namespace engine {
namespace {

class IdxPictures final : public Dataset {
 public:
  IdxPictures(IdxArray pictures, const IdxArray& labels, std::vector<std::string> classes, std::string name)
      : pictures_(std::move(pictures)) {
    classes_ = std::move(classes);
    name_ = std::move(name);
    if (pictures_.dims.size() != 3 || labels.dims.size() != 1 || pictures_.dims[0] != labels.dims[0])
      throw DataError("{}: {} pictures and {} labels", name_, pictures_.dims[0], labels.dims[0]);
    if (pictures_.dims[1] == 0 || pictures_.dims[2] == 0 || pictures_.dims[1] > 4096 || pictures_.dims[2] > 4096)
      throw DataError("{}: pictures of {}x{} pixels", name_, pictures_.dims[2], pictures_.dims[1]);
    samples_.reserve(labels.values.size());
    for (std::size_t i = 0; i < labels.values.size(); ++i) {
      if (labels.values[i] >= classes_.size())
        throw DataError("{}: label {} of picture {} is outside of the {} classes", name_, labels.values[i], i,
                        classes_.size());
      Sample s;
      s.id = fmt::format("{:05}", i);
      s.group = s.id;
      s.label = labels.values[i];
      samples_.push_back(std::move(s));
    }
  }

  Image load(std::size_t i, int) const override {
    Image image;
    image.height = static_cast<int>(pictures_.dims[1]);
    image.width = static_cast<int>(pictures_.dims[2]);
    image.channels = 1;
    const std::size_t n = image.sample_count();
    const auto begin = pictures_.values.begin() + static_cast<std::ptrdiff_t>(i * n);
    image.samples8.assign(begin, begin + static_cast<std::ptrdiff_t>(n));
    return image;
  }

 private:
  IdxArray pictures_;
};

}  // namespace

std::shared_ptr<Dataset> open_idx_pictures(const std::filesystem::path& folder, const std::string& split,
                                           std::vector<std::string> classes, const std::string& name) {
  const std::string prefix = split == "test" ? "t10k" : "train";
  const auto pictures = folder / (prefix + "-images-idx3-ubyte"), labels = folder / (prefix + "-labels-idx1-ubyte");
  if (!std::filesystem::exists(pictures) && !std::filesystem::exists(pictures.string() + ".gz"))
    throw DataError("{} or {}.gz is missing{}", pictures.string(), pictures.filename().string(),
                    folder == fashion_mnist_folder ? " (Debian: apt install dataset-fashion-mnist)" : "");
  return std::make_shared<IdxPictures>(read_idx(pictures), read_idx(labels), std::move(classes), name + " " + split);
}

const std::vector<std::string>& fashion_mnist_classes() {
  static const std::vector<std::string> names{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                              "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  return names;
}

const std::vector<std::string>& digit_classes() {
  static const std::vector<std::string> names{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  return names;
}

}  // namespace engine

// Shared by the tests of data: data sets in memory, small files on disk.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/io/png_write.h"
#include "engine/tensor/error.h"
#include "tests/io/support.h"

namespace engine::test {

/// Samples given one by one; pictures made by a function.
class MemoryDataset : public Dataset {
 public:
  explicit MemoryDataset(std::vector<std::string> classes, Task task = Task::multi_class) {
    classes_ = std::move(classes);
    task_ = task;
    name_ = "memory";
  }
  void add(std::string id, std::string group, std::int64_t label) {
    samples_.push_back({std::move(id), std::move(group), label, {}});
  }
  void add(std::string id, std::vector<float> targets) { samples_.push_back({id, id, -1, std::move(targets)}); }
  Image load(std::size_t i, int = 0) const override { return picture(i); }

  std::function<Image(std::size_t)> picture = [](std::size_t i) { return noisy_picture(9, 7, 3, 1000 + i); };
};

/// Rows "0", "1", ... of their own groups, labels in turn.
inline MemoryDataset numbered(std::size_t n, std::size_t classes = 3) {
  std::vector<std::string> names;
  for (std::size_t c = 0; c < classes; ++c) names.push_back("class" + std::to_string(c));
  MemoryDataset data(names);
  for (std::size_t i = 0; i < n; ++i)
    data.add(std::to_string(i), std::to_string(i), static_cast<std::int64_t>(i % classes));
  return data;
}

/// A PNG of noise; folders above it are made.
inline void write_picture(const std::filesystem::path& path, std::uint64_t seed = 1, int width = 6, int height = 5) {
  std::filesystem::create_directories(path.parent_path());
  write_png(path, noisy_picture(width, height, 3, seed));
}

/// An IDX array of unsigned bytes.
inline Buffer idx_bytes(const std::vector<std::uint32_t>& dims, const Buffer& values) {
  Buffer bytes{0, 0, 0x08, static_cast<std::uint8_t>(dims.size())};
  for (const std::uint32_t d : dims)
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(d >> shift));
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

inline void write_bytes(const std::filesystem::path& path, const Buffer& bytes) {
  std::filesystem::create_directories(path.parent_path());
  atomic_write(path, std::string(bytes.begin(), bytes.end()));
}

inline std::vector<std::string> ids_of(const Dataset& data) {
  std::vector<std::string> ids;
  for (const Sample& s : data.samples()) ids.push_back(s.id);
  return ids;
}

}  // namespace engine::test

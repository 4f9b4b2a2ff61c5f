// Shared by the tests of files and pictures.
#pragma once

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/io/file.h"
#include "engine/io/image.h"
#include "engine/tensor/philox.h"

namespace engine::test {

using Buffer = std::vector<std::uint8_t>;

inline const std::filesystem::path images = SOURCE_DIR "/tests/fixtures/images";

/// A folder that disappears with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "engine_train_XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  /// Names of what lies in it, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& e : std::filesystem::directory_iterator(path_)) found.push_back(e.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  std::filesystem::path path_;
};

/// While it lives no file grows beyond `bytes`: a full disk that also stops root. Check nothing meanwhile, since output
/// counts too.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : previous_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &previous_);
    const rlimit limited{bytes, previous_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &previous_);
    std::signal(SIGXFSZ, previous_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit previous_{};
  void (*previous_handler_)(int);
};

inline Buffer random_bytes(std::size_t n, std::uint64_t seed) {
  Random random({seed, RandomStream::test});
  Buffer bytes(n);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random.bits());
  return bytes;
}

inline void append(Buffer& to, const std::string& bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }
inline std::span<const std::byte> as_bytes_of(const std::string& s) { return std::as_bytes(std::span(s)); }

/// A picture without sharp edges, which JPEG keeps well, different in every channel and direction.
inline Image smooth_picture(int width, int height, int channels) {
  Image image;
  image.width = width, image.height = height, image.channels = channels;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        image.samples8.push_back(static_cast<std::uint8_t>(128 + 60 * std::sin(0.05 * x * (c + 1) + c) +
                                                           50 * std::cos(0.07 * y - 0.02 * x + 2 * c)));
  return image;
}

/// Noise in every sample.
inline Image noisy_picture(int width, int height, int channels, std::uint64_t seed) {
  Image image;
  image.width = width, image.height = height, image.channels = channels;
  image.samples8 = random_bytes(image.sample_count(), seed);
  return image;
}

}  // namespace engine::test

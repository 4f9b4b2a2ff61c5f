// Shared by the tests of training.
#pragma once

#include <filesystem>
#include <string>

#include "engine/io/file.h"
#include "engine/nn/layers.h"
#include "engine/tensor/philox.h"
#include "engine/train/config.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/reference/reference_backend.h"

namespace engine::test {

inline void register_backends() {
  register_cpu_backend();
  register_reference_backend();
  set_cpu_threads(2);
}

/// Convolution, norm, pool, head: the smallest network with every kind of parameter and a buffer.
class TinyNet final : public nn::Module {
 public:
  TinyNet()
      : conv_(add<nn::Conv2d>("conv", 1, 4, 3, 1, 1)),
        bn_(add<nn::BatchNorm2d>("bn", 4)),
        pool_(add<nn::GlobalAvgPool>("pool")),
        fc_(add<nn::Linear>("fc", 4, 2)) {}
  std::string describe() const override { return "TinyNet"; }

 protected:
  Variable forward(const Variable& x) override { return fc_(pool_(bn_.then_relu(conv_(x)))); }

 private:
  nn::Conv2d& conv_;
  nn::BatchNorm2d& bn_;
  nn::GlobalAvgPool& pool_;
  nn::Linear& fc_;
};

/// A folder that disappears with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "engine_train_XXXXXX").string();
    if (!mkdtemp(name.data())) throw FileError("cannot make {}", name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// IDX files of `train` and `test` 10-class pictures of 28x28, noise with a bright bar whose place is the class: easy
/// to learn, not trivial. As MNIST names them, so that mnist:DIR reads them.
inline void write_digits(const std::filesystem::path& folder, int train, int test) {
  const auto header = [](std::initializer_list<std::uint32_t> words) {
    std::string s;
    for (std::uint32_t w : words)
      for (int shift = 24; shift >= 0; shift -= 8) s += static_cast<char>(w >> shift & 255u);
    return s;
  };
  std::filesystem::create_directories(folder);
  std::uint32_t picture = 0;
  for (const auto& [name, count] : {std::pair{"train", train}, std::pair{"t10k", test}}) {
    const auto n = static_cast<std::uint32_t>(count);
    std::string pixels = header({0x803, n, 28, 28}), labels = header({0x801, n});
    for (std::uint32_t i = 0; i < n; ++i, ++picture) {
      RandomKey key(7, RandomStream::test);
      key.sample = picture;
      Random random(key);
      const std::uint32_t label = random.below(10);
      labels += static_cast<char>(label);
      for (std::uint32_t p = 0; p < 28 * 28; ++p) {
        const bool bar = p / 28 / 3 == label;
        pixels += static_cast<char>(random.below(160) + (bar ? 60 : 0));
      }
    }
    atomic_write(folder / (std::string(name) + "-images-idx3-ubyte"), pixels);
    atomic_write(folder / (std::string(name) + "-labels-idx1-ubyte"), labels);
  }
}

/// A run of a few seconds on write_digits().
inline TrainConfig small_config(const std::filesystem::path& data, const std::filesystem::path& output) {
  TrainConfig c;
  c.data = "mnist:" + data.string();
  c.model = "cbr_tiny_1m";
  c.pad = 2;
  c.epochs = 2;
  c.batch_size = 16;
  c.lr = 0.02;
  c.log_every = 1;
  c.threads = 2;
  c.output_dir = output.string();
  return c;
}

}  // namespace engine::test

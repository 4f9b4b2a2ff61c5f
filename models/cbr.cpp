#include "models/cbr.h"

#include <fmt/core.h>

#include <algorithm>

namespace engine::models {
namespace {

struct CbrSpec {
  const char* name;
  std::int64_t kernel;
  std::vector<std::int64_t> widths;
};

// Kernel size and channels of every block. The study's text gives cbr_tiny 64..512 channels, its parameter count
// (1,076,480) belongs to 32..256: both are here.
const std::vector<CbrSpec>& cbr_specs() {
  static const std::vector<CbrSpec> table = {
      {"cbr_larget", 7, {32, 64, 128, 256, 512}}, {"cbr_largew", 7, {64, 128, 256, 512}},
      {"cbr_small", 7, {32, 64, 128, 256}},       {"cbr_tiny", 5, {64, 128, 256, 512}},
      {"cbr_tiny_1m", 5, {32, 64, 128, 256}},
  };
  return table;
}

constexpr std::size_t pooled_blocks = 4;  // no pool after the fifth

class CbrBlock final : public nn::Module {
 public:
  CbrBlock(std::int64_t in, std::int64_t out, std::int64_t kernel, bool pooled)
      : conv_(add<nn::Conv2d>("conv", in, out, kernel, 1, kernel / 2)),
        bn_(add<nn::BatchNorm2d>("bn", out)),
        pool_(pooled ? &add<nn::MaxPool2d>("pool", 3, 2) : nullptr) {}
  std::string describe() const override { return "CbrBlock"; }

 protected:
  Variable forward(const Variable& x) override {
    const Variable y = bn_.then_relu(conv_(x));
    return pool_ ? (*pool_)(y) : y;
  }

 private:
  nn::Conv2d& conv_;
  nn::BatchNorm2d& bn_;
  nn::MaxPool2d* pool_;
};

class Cbr final : public Classifier {
 public:
  Cbr(const CbrSpec& spec, const ModelOptions& options) : name_(spec.name) {
    std::int64_t in = options.channels;
    for (std::size_t i = 0; i < spec.widths.size(); ++i) {
      blocks_.push_back(
          &add<CbrBlock>(fmt::format("block{}", i + 1), in, spec.widths[i], spec.kernel, i < pooled_blocks));
      in = spec.widths[i];
    }
    for (std::size_t i = 0; i < pooled_blocks; ++i) least_ = 2 * least_ + 1;
    pool_ = &add<nn::GlobalAvgPool>("pool");
    fc_ = &add<nn::Linear>("fc", in, options.classes);
  }

  Variable features(const Variable& x) override {
    if (x.shape().rank() != 4 || std::min(x.shape()[2], x.shape()[3]) < least_)
      throw UsageError(
          "{} needs pictures [N, C, H, W] of at least {}x{}, found {}: each of its {} pools halves the map", name_,
          least_, least_, x.shape().str(), pooled_blocks);
    Variable y = x;
    for (CbrBlock* block : blocks_) y = run_block(*block, y);
    return (*pool_)(y);
  }
  nn::Linear& head() override { return *fc_; }
  std::string describe() const override { return name_; }

 private:
  std::string name_;
  std::int64_t least_ = 1;  // side of the smallest input that leaves something after the last 3x3 stride 2 pool
  std::vector<CbrBlock*> blocks_;
  nn::GlobalAvgPool* pool_;
  nn::Linear* fc_;
};

}  // namespace

std::unique_ptr<Classifier> make_cbr(const std::string& name, const ModelOptions& options) {
  for (const CbrSpec& spec : cbr_specs())
    if (name == spec.name) return std::make_unique<Cbr>(spec, options);
  throw UsageError("no CBR network is called '{}'", name);
}

}  // namespace engine::models

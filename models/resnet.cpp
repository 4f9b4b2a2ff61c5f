#include "models/resnet.h"

#include <array>

namespace engine::models {
namespace {

struct ResNetSpec {
  const char* name;
  bool bottleneck;
  std::array<int, 4> depths;  // blocks of each stage
};
constexpr ResNetSpec resnet_specs[] = {{"resnet18", false, {2, 2, 2, 2}},
                                       {"resnet34", false, {3, 4, 6, 3}},
                                       {"resnet50", true, {3, 4, 6, 3}},
                                       {"resnet101", true, {3, 4, 23, 3}}};

// 1x1 projection where the shape of the identity does not fit.
class Downsample final : public nn::Module {
 public:
  Downsample(std::int64_t in, std::int64_t out, std::int64_t stride)
      : conv_(add<nn::Conv2d>("0", in, out, 1, stride)), bn_(add<nn::BatchNorm2d>("1", out)) {}
  std::string describe() const override { return "Downsample"; }

 protected:
  Variable forward(const Variable& x) override { return bn_(conv_(x)); }

 private:
  nn::Conv2d& conv_;
  nn::BatchNorm2d& bn_;
};

class BasicBlock final : public nn::Module {
 public:
  static constexpr std::int64_t expansion = 1;
  BasicBlock(std::int64_t in, std::int64_t planes, std::int64_t stride)
      : conv1_(add<nn::Conv2d>("conv1", in, planes, 3, stride, 1)),
        bn1_(add<nn::BatchNorm2d>("bn1", planes)),
        conv2_(add<nn::Conv2d>("conv2", planes, planes, 3, 1, 1)),
        bn2_(add<nn::BatchNorm2d>("bn2", planes)),
        downsample_(stride != 1 || in != planes ? &add<Downsample>("downsample", in, planes, stride) : nullptr) {}
  std::string describe() const override { return "BasicBlock"; }

 protected:
  Variable forward(const Variable& x) override {
    const Variable y = conv2_(bn1_.then_relu(conv1_(x)));
    return bn2_.then_relu(y, downsample_ ? (*downsample_)(x) : x);
  }

 private:
  nn::Conv2d& conv1_;
  nn::BatchNorm2d& bn1_;
  nn::Conv2d& conv2_;
  nn::BatchNorm2d& bn2_;
  Downsample* downsample_;
};

class Bottleneck final : public nn::Module {
 public:
  static constexpr std::int64_t expansion = 4;
  Bottleneck(std::int64_t in, std::int64_t planes, std::int64_t stride)
      : conv1_(add<nn::Conv2d>("conv1", in, planes, 1)),
        bn1_(add<nn::BatchNorm2d>("bn1", planes)),
        conv2_(add<nn::Conv2d>("conv2", planes, planes, 3, stride, 1)),
        bn2_(add<nn::BatchNorm2d>("bn2", planes)),
        conv3_(add<nn::Conv2d>("conv3", planes, planes * expansion, 1)),
        bn3_(add<nn::BatchNorm2d>("bn3", planes * expansion)),
        downsample_(stride != 1 || in != planes * expansion
                        ? &add<Downsample>("downsample", in, planes * expansion, stride)
                        : nullptr) {}
  std::string describe() const override { return "Bottleneck"; }

 protected:
  Variable forward(const Variable& x) override {
    const Variable y = conv3_(bn2_.then_relu(conv2_(bn1_.then_relu(conv1_(x)))));
    return bn3_.then_relu(y, downsample_ ? (*downsample_)(x) : x);
  }

 private:
  nn::Conv2d& conv1_;
  nn::BatchNorm2d& bn1_;
  nn::Conv2d& conv2_;
  nn::BatchNorm2d& bn2_;
  nn::Conv2d& conv3_;
  nn::BatchNorm2d& bn3_;
  Downsample* downsample_;
};

template <class Block>
class Stage final : public nn::Module {
 public:
  Stage(std::int64_t in, std::int64_t planes, int depth, std::int64_t stride) {
    for (int i = 0; i < depth; ++i) {
      blocks_.push_back(&add<Block>(std::to_string(i), in, planes, i == 0 ? stride : 1));
      in = planes * Block::expansion;
    }
  }
  std::string describe() const override { return "Stage"; }
  const std::vector<Block*>& blocks() const { return blocks_; }

 protected:
  Variable forward(const Variable& x) override {
    Variable y = x;
    for (Block* block : blocks_) y = (*block)(y);
    return y;
  }

 private:
  std::vector<Block*> blocks_;
};

template <class Block>
class ResNet final : public Classifier {
 public:
  ResNet(const ResNetSpec& spec, const ModelOptions& options)
      : name_(spec.name),
        conv1_(add<nn::Conv2d>("conv1", options.channels, options.width, 7, 2, 3)),
        bn1_(add<nn::BatchNorm2d>("bn1", options.width)),
        maxpool_(add<nn::MaxPool2d>("maxpool", 3, 2, 1)) {
    std::int64_t in = options.width, planes = options.width;
    for (std::size_t i = 0; i < spec.depths.size(); ++i) {
      stages_.push_back(
          &add<Stage<Block>>("layer" + std::to_string(i + 1), in, planes, spec.depths[i], i == 0 ? 1 : 2));
      in = planes * Block::expansion;
      planes *= 2;
    }
    avgpool_ = &add<nn::GlobalAvgPool>("avgpool");
    fc_ = &add<nn::Linear>("fc", in, options.classes);
  }

  Variable features(const Variable& x) override {
    Variable y = maxpool_(bn1_.then_relu(conv1_(x)));
    for (Stage<Block>* stage : stages_) y = run_block(*stage, y);
    return (*avgpool_)(y);
  }
  nn::Linear& head() override { return *fc_; }
  std::string describe() const override { return name_; }

 private:
  std::string name_;
  nn::Conv2d& conv1_;
  nn::BatchNorm2d& bn1_;
  nn::MaxPool2d& maxpool_;
  std::vector<Stage<Block>*> stages_;
  nn::GlobalAvgPool* avgpool_;
  nn::Linear* fc_;
};

}  // namespace

std::unique_ptr<Classifier> make_resnet(const std::string& name, const ModelOptions& options) {
  for (const ResNetSpec& spec : resnet_specs) {
    if (name != spec.name) continue;
    if (spec.bottleneck) return std::make_unique<ResNet<Bottleneck>>(spec, options);
    return std::make_unique<ResNet<BasicBlock>>(spec, options);
  }
  throw UsageError("no ResNet is called '{}'", name);
}

}  // namespace engine::models

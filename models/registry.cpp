#include "models/registry.h"

#include "engine/tensor/suggest.h"
#include "models/cbr.h"
#include "models/resnet.h"

namespace engine::models {

const std::vector<ModelInfo>& model_list() {
  static const std::vector<ModelInfo> list = {
      {"cbr_larget", "CBR-LargeT: five 7x7 blocks, 32 to 512 channels", 224, make_cbr},
      {"cbr_largew", "CBR-LargeW: four 7x7 blocks, 64 to 512 channels", 224, make_cbr},
      {"cbr_small", "CBR-Small: four 7x7 blocks, 32 to 256 channels", 224, make_cbr},
      {"cbr_tiny", "CBR-Tiny as the study's text has it: four 5x5 blocks, 64 to 512 channels", 224, make_cbr},
      {"cbr_tiny_1m", "CBR-Tiny as the study's parameter count has it: four 5x5 blocks, 32 to 256", 224, make_cbr},
      {"resnet18", "ResNet-18: basic blocks 2-2-2-2", 224, make_resnet},
      {"resnet34", "ResNet-34: basic blocks 3-4-6-3", 224, make_resnet},
      {"resnet50", "ResNet-50: bottlenecks 3-4-6-3", 224, make_resnet},
      {"resnet101", "ResNet-101: bottlenecks 3-4-23-3", 224, make_resnet},
  };
  return list;
}

const ModelInfo& model_info(const std::string& name) {
  std::vector<std::string> known;
  for (const ModelInfo& info : model_list()) {
    if (info.name == name) return info;
    known.push_back(info.name);
  }
  throw UsageError("unknown model '{}'{} (see: engine_train models)", name, did_you_mean(name, known));
}

std::unique_ptr<Classifier> make_model(const std::string& name, const ModelOptions& options) {
  if (options.classes < 1 || options.channels < 1)
    throw UsageError("model {}: needs at least one class and one channel, found {} and {}", name, options.classes,
                     options.channels);
  return model_info(name).make(name, options);
}

}  // namespace engine::models

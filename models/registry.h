// The networks by name. A new one is one file and one line in registry.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/classifier.h"

namespace engine::models {

struct ModelOptions {
  std::int64_t classes = 5;
  std::int64_t channels = 3;  ///< of the input
  std::int64_t width = 64;    ///< ResNets: channels of the stem and of the first stage's 3x3 convolutions
};

struct ModelInfo {
  std::string name;
  std::string summary;        ///< one line
  std::int64_t input = 224;   ///< side of the usual input
  std::unique_ptr<Classifier> (*make)(const std::string& name, const ModelOptions& options);
};

const std::vector<ModelInfo>& model_list();
/// A network with zero weights (see nn/init.h). Throws UsageError with the nearest name for an unknown one.
std::unique_ptr<Classifier> make_model(const std::string& name, const ModelOptions& options);
const ModelInfo& model_info(const std::string& name);

}  // namespace engine::models

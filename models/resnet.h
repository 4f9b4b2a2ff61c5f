// ResNets (He et al., "Deep Residual Learning", CVPR 2016) in torchvision's form: stride on the 3x3 convolution.
#pragma once

#include <memory>
#include <string>

#include "models/registry.h"

namespace engine::models {

/// resnet18, resnet34 (basic blocks), resnet50, resnet101 (bottlenecks).
std::unique_ptr<Classifier> make_resnet(const std::string& name, const ModelOptions& options);

}  // namespace engine::models

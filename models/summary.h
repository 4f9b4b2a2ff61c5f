// What a network consists of: one row per layer, for `engine_train inspect` and the tests of the published figures.
#pragma once

#include <string>
#include <vector>

#include "models/classifier.h"

namespace engine::models {

struct LayerSummary {
  std::string path;         ///< "layer1.0.conv1"
  std::string description;  ///< "Conv2d(64, 64, 1x1)"
  Shape output;
  std::int64_t parameters = 0;
  std::int64_t macs = 0;              ///< multiply-accumulates for the whole batch: convolutions and linear layers
  std::int64_t activation_bytes = 0;  ///< of the output
};

struct ModelSummary {
  std::vector<LayerSummary> layers;  ///< leaves only, in the order in which they ran
  std::int64_t parameters = 0;
  std::int64_t macs = 0;
  std::int64_t activation_bytes = 0;
};

/// Runs the network once on zeros of shape `input` [N,C,H,W] in evaluation mode, on the device its parameters live on.
ModelSummary summarize(Classifier& model, const Shape& input);

}  // namespace engine::models

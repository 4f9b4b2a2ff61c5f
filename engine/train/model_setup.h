// A network together with what it needs to be used: how pictures are prepared, what its outputs mean.
#pragma once

#include <memory>

#include "engine/data/dataset.h"
#include "engine/data/transforms.h"
#include "engine/train/checkpoint.h"
#include "engine/train/config.h"
#include "models/registry.h"

namespace engine {

struct ModelSetup {
  std::string name;
  std::unique_ptr<models::Classifier> model;
  Task task = Task::multi_class;
  std::vector<std::string> classes;
  TransformPlan preparation;

  /// What a checkpoint remembers of this: members "model" and "preparation".
  nlohmann::json meta() const;
};

/// A new network for this data, on device cpu: initialised, or from config.weights (a head of another size starts anew).
/// A run that goes on takes the preparation of its checkpoint (`resumed`, or null). `report` receives what became of the
/// weights, for init_report.txt.
ModelSetup make_setup(const TrainConfig& config, const Dataset& train, const Checkpoint* resumed, std::string& report);

/// The network of a checkpoint, on `device`, with the averaged weights where the run kept an average (those are what it
/// evaluated). Throws CheckpointError.
ModelSetup load_setup(const Checkpoint& checkpoint, Device device);

/// The checkpoint of a run folder: best.safetensors, else last.safetensors. Throws CheckpointError when there is none.
std::filesystem::path run_checkpoint(const std::filesystem::path& folder);

}  // namespace engine

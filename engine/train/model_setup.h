// A network together with what it needs to be used: how pictures are prepared, what its outputs mean.
#pragma once

#include <memory>

#include "engine/data/data_sources.h"
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
  bool plain = false;  ///< from plain tensors, which tell nothing of classes and preparation

  /// What a checkpoint remembers of this: members "model" and "preparation".
  nlohmann::json meta() const;
};

/// A new network for this data, on device cpu: initialised, or from config.weights, a checkpoint or plain tensors (a
/// head of another size starts anew, all else must fit). A run that goes on takes the preparation of its checkpoint
/// (`resumed`, or null). `report` receives what became of the weights, for init_report.txt.
ModelSetup make_setup(const TrainConfig& config, const Dataset& train, const Checkpoint* resumed, std::string& report);

/// The network of a checkpoint, on `device`, with the averaged weights where the run kept an average (those are what it
/// evaluated). Throws CheckpointError.
ModelSetup load_setup(const Checkpoint& checkpoint, Device device);

/// The network of a weight file: of a checkpoint, which must be a `name` unless that is empty; or of plain tensors
/// under torchvision's names, as Python's save_file(model.state_dict()) writes them, where `name` says whose they are.
/// Plain tensors tell classes and channels by their shapes; the classes are called by their numbers, and pictures come
/// in the model's usual size without normalisation. Throws CheckpointError.
ModelSetup open_setup(const std::filesystem::path& path, const std::string& name, Device device);

/// The configuration a checkpoint was trained with. Throws CheckpointError.
TrainConfig checkpoint_config(const Checkpoint& checkpoint);
/// How the configuration wants its data opened.
DataOptions data_options(const TrainConfig& config);
/// Throws DataError where the data's classes or task are not the model's.
void check_classes(const ModelSetup& setup, const Dataset& data);

/// The checkpoint of a run folder: best.safetensors, else last.safetensors. Throws CheckpointError when there is none.
std::filesystem::path run_checkpoint(const std::filesystem::path& folder);

}  // namespace engine

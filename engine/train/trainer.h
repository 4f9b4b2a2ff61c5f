// The training loop: engine_train train.
#pragma once

#include <nlohmann/json.hpp>

#include "engine/train/config.h"

namespace engine {

struct TrainResult {
  bool interrupted = false;  ///< by SIGINT or SIGTERM, after saving
  nlohmann::json summary;    ///< what summary.json holds
  std::string table;         ///< its metrics, to read
};

/// Trains as `config` (validated) says, in a run folder that may be resumed. The backend of the device is registered.
/// Same configuration, same number of threads: same bits, whatever the number of loader workers and however often the
/// run was killed and resumed. Throws NumericError naming operation, layer and step when loss or gradients are not
/// finite.
TrainResult train(const TrainConfig& config, bool quiet);

}  // namespace engine

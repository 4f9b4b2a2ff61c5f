// Checkpoints: one safetensors file with everything a run needs to go on to the same bits.
//
//   NAME               weights and buffers under their own names: Python's load_file() reads a model from it
//   ema.NAME           their moving average, if the run keeps one
//   optim.m.NAME, ...  the optimiser's moments
//   __metadata__       "format": "pt"; "engine_train": JSON with the model, the data's classes and preparation, the
//                      configuration and its hash, and the state of the run (schedule, cursor, counters, best value)
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/io/json.h"
#include "engine/io/safetensors.h"
#include "engine/nn/module.h"
#include "engine/optim/named_tensor.h"

namespace engine {

/// Weights and buffers of a model, shared with it.
std::vector<NamedTensor> model_tensors(nn::Module& model);

/// Writes atomically; a failure leaves the file that was there. Throws FileError (disk full, no permission).
void save_checkpoint(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                     const nlohmann::json& meta);

/// Copies tensors of these names into `into`, all or none of them. With `prefix`, NAME is read from prefix + NAME.
/// Throws CheckpointError with the counts of missing and misshapen tensors and the first of them; `holds` says there
/// what the file is known to be.
void load_tensors(const SafetensorsFile& file, const std::vector<NamedTensor>& into, const std::string& prefix,
                  const std::string& holds);

/// For messages: the network of a checkpoint, or "plain tensors".
std::string contents_of(const SafetensorsFile& file);

class Checkpoint {
 public:
  /// Throws CheckpointError where the file is missing, damaged, or no checkpoint of this program.
  explicit Checkpoint(const std::filesystem::path& path) : Checkpoint(SafetensorsFile(path)) {}
  explicit Checkpoint(SafetensorsFile file);
  /// Whether the file is one of ours rather than plain tensors.
  static bool is_one(const SafetensorsFile& file);

  const nlohmann::json& meta() const { return meta_; }
  /// A member of meta(), by JSON pointer ("/run/step"), as T. Throws CheckpointError naming file and member.
  template <class T>
  T get(const std::string& pointer) const;
  bool has_ema() const { return has_ema_; }
  const SafetensorsFile& file() const { return file_; }

  /// load_tensors() of this file.
  void load(const std::vector<NamedTensor>& into, const std::string& prefix = "") const;

 private:
  SafetensorsFile file_;
  nlohmann::json meta_;
  bool has_ema_ = false;
};

template <class T>
T Checkpoint::get(const std::string& pointer) const {
  const auto refuse = [&](const std::exception& e) {
    return CheckpointError("{}: checkpoint lacks a usable '{}' ({})", file_.name(), pointer, e.what());
  };
  try {
    return json_as<T>(meta_.at(nlohmann::json::json_pointer(pointer)));
  } catch (const nlohmann::json::exception& e) {
    throw refuse(e);
  } catch (const DataError& e) {
    throw refuse(e);
  }
}

}  // namespace engine

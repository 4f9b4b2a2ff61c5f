// The folder of a run. What it holds is described in docs/runs.md; every file in it survives a kill at any moment.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <limits>
#include <string>

#include "engine/io/file.h"
#include "engine/io/tfevents.h"
#include "engine/train/config.h"

namespace engine {

/// One row of metrics.csv.
struct MetricRow {
  std::int64_t step = 0, epoch = 0;
  std::string split, metric;
  std::string of_class;  ///< empty: all classes together
  double value = 0.0;
  double low = std::numeric_limits<double>::quiet_NaN(), high = low;  ///< 95% interval, where there is one
};

/// Throws UsageError where the folder holds a run: a new one must not overwrite it.
void require_no_run(const std::filesystem::path& folder);

class RunFolder {
 public:
  /// A new run. Throws UsageError when the folder holds one already, FileError when it cannot be written.
  explicit RunFolder(std::filesystem::path path);
  /// Goes on with a run: files that grow are cut to the lengths its checkpoint remembers, so that steps done twice are
  /// written once.
  RunFolder(std::filesystem::path path, const nlohmann::json& lengths);

  std::filesystem::path file(const std::string& name) const { return path_ / name; }
  std::filesystem::path last() const { return file("last.safetensors"); }
  std::filesystem::path best() const { return file("best.safetensors"); }

  /// Appends to metrics.csv and to the TensorBoard events.
  void metric(const MetricRow& row);
  /// Appends to the TensorBoard events alone: figures that differ from run to run, like images/s.
  void scalar(const std::string& tag, std::int64_t step, double value);
  /// Appends to log.txt, with the time of day.
  void log(const std::string& text);
  void write_json(const std::string& name, const nlohmann::ordered_json& j);
  /// Waits until the growing files are on the disk, and returns their lengths for the checkpoint.
  nlohmann::json sync();

 private:
  std::filesystem::path path_;
  AppendFile log_, metrics_;
  EventWriter events_;
};

/// CPU, threads, versions, seed and the state of the source: what one needs to repeat the run elsewhere.
nlohmann::ordered_json describe_environment(const TrainConfig& config);

}  // namespace engine

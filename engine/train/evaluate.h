// A model on a data set: scores, metrics with intervals, the table and the predictions file.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/data/loader.h"
#include "engine/nn/module.h"

namespace engine {

struct Predictions {
  Task task = Task::multi_class;
  std::vector<std::string> classes;
  std::vector<std::string> ids, groups;
  std::vector<std::int64_t> labels;    ///< multi_class: [N]
  std::vector<float> targets;          ///< multi_label: [N, C], missing_target where unknown
  std::vector<double> probabilities;   ///< [N, C]: softmax, or a sigmoid per label
  double loss = 0.0;                   ///< mean unweighted cross-entropy (over labels that are present), in nats

  std::size_t size() const { return ids.size(); }
  const double* row(std::size_t i) const { return probabilities.data() + i * classes.size(); }
  /// Largest probability of a picture, the first of equals.
  std::size_t top(std::size_t i) const;
};

/// Runs the model in evaluation mode over the whole data set, in its order; pictures that cannot be read are left out
/// where the options allow it. `stop` is asked after each batch; when it says yes, what there is so far comes back.
Predictions predict(nn::Module& model, const Dataset& data, const TransformPlan& plan, const LoaderOptions& options,
                    Device device, const std::function<bool()>& stop = {});
struct MetricValue {
  std::string name;
  std::string of_class;  ///< empty: all classes together
  double value = 0.0;    ///< NaN where it is not defined (a class with one label)
  double low = std::numeric_limits<double>::quiet_NaN(), high = low;  ///< 95% interval, where one was computed
  std::int64_t positives = -1, negatives = -1;                       ///< counts behind a per-class value
};

struct MetricOptions {
  /// Bootstrap resamples of whole groups for the metrics without a closed-form interval; 0 = none.
  int resamples = 0;
  std::uint64_t seed = 42;
};
/// Everything that can be said about the predictions: loss, accuracy, balanced_accuracy, auc, average_precision, kappa,
/// ece, sensitivity_at_specificity_90; per class and together.
std::vector<MetricValue> compute_metrics(const Predictions& p, const MetricOptions& options);

/// Value of a metric over all classes. Throws UsageError for an unknown name, with the nearest.
double metric_value(const std::vector<MetricValue>& metrics, const std::string& name);
/// Whether smaller is better: losses and calibration errors.
bool smaller_is_better(const std::string& metric);

std::string metrics_table(const std::vector<MetricValue>& metrics);
nlohmann::ordered_json metrics_json(const std::vector<MetricValue>& metrics);

/// id,group,label,CLASS... (one probability a class; multi-label: one label column a class), atomically.
void write_predictions(const std::filesystem::path& path, const Predictions& p);

}  // namespace engine

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "engine/data/csv.h"
#include "engine/io/file.h"
#include "engine/metrics/binary.h"
#include "engine/metrics/bootstrap.h"
#include "engine/metrics/delong.h"
#include "engine/metrics/multiclass.h"
#include "engine/tensor/suggest.h"
#include "engine/train/evaluate.h"

namespace engine {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double specificity_wanted = 0.9;

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names{"loss", "accuracy", "balanced_accuracy", "quadratic_kappa", "auc",
                                              "average_precision", "sensitivity_at_specificity_90", "ece", "brier"};
  return names;
}

// One class against the rest, or one label: rows without a label are left out.
struct ClassView {
  std::vector<double> score;
  std::vector<int> label;
  std::vector<std::string> group;
  std::int64_t positives = 0;

  std::int64_t negatives() const { return static_cast<std::int64_t>(label.size()) - positives; }
  BinaryData data() const { return {score, label}; }
};

ClassView view_of(const Predictions& p, std::size_t c) {
  ClassView v;
  const std::size_t classes = p.classes.size();
  for (std::size_t i = 0; i < p.size(); ++i) {
    const bool single = p.task == Task::multi_class;
    if (!single && p.targets[i * classes + c] == missing_target) continue;
    const bool positive = single ? p.labels[i] == static_cast<std::int64_t>(c) : p.targets[i * classes + c] >= 0.5f;
    v.score.push_back(p.row(i)[c]);
    v.label.push_back(positive);
    v.group.push_back(p.groups[i]);
    v.positives += positive;
  }
  return v;
}

// DeLong's closed form where every picture stands for itself, else a bootstrap of whole groups.
Interval auc_interval(const ClassView& v, const MetricOptions& o) {
  const Clusters clusters = clusters_of(v.group);
  if (clusters.count == v.label.size()) return delong(v.score, v.label).ci95;
  if (o.resamples == 0) return {nan, nan};
  return bootstrap_auc(v.score, v.label, clusters, {o.resamples, o.seed}).ci95;
}

// Mean over the classes for which the metric is defined; NaN where it is for none.
MetricValue mean_over_classes(const std::string& name, const std::vector<MetricValue>& all) {
  std::vector<double> values;
  for (const MetricValue& m : all)
    if (m.name == name && !m.of_class.empty()) values.push_back(m.value);
  return {name, "", mean_of_defined(values).value};
}

void add_per_class(const Predictions& p, const MetricOptions& o, std::vector<MetricValue>& out) {
  for (std::size_t c = 0; c < p.classes.size(); ++c) {
    const ClassView v = view_of(p, c);
    const auto add = [&](const char* name, double value, Interval ci) {
      out.push_back({name, p.classes[c], value, ci.low, ci.high, v.positives, v.negatives()});
    };
    const bool defined = v.positives > 0 && v.negatives() > 0;
    add("auc", defined ? roc_auc(v.data()) : nan, defined ? auc_interval(v, o) : Interval{nan, nan});
    add("average_precision", v.positives > 0 ? average_precision(v.data()) : nan, {nan, nan});
    add("sensitivity_at_specificity_90",
        defined ? sensitivity_at_specificity(v.data(), specificity_wanted).sensitivity : nan, {nan, nan});
    if (p.task == Task::multi_class || v.label.empty()) continue;
    add("accuracy", decide(v.data()).accuracy, {nan, nan});
    add("ece", calibration_error(v.data()), {nan, nan});
    add("brier", brier(v.data()), {nan, nan});
  }
}

// Metrics of the decisions alone, with intervals: the decisions are made once, a resample only weighs them.
void add_decisions(const Predictions& p, const MetricOptions& o, std::vector<MetricValue>& out) {
  const auto classes = static_cast<int>(p.classes.size());
  std::vector<std::size_t> cell(p.size());
  for (std::size_t i = 0; i < p.size(); ++i)
    cell[i] = static_cast<std::size_t>(p.labels[i]) * p.classes.size() + p.top(i);
  const auto confusion = [&](std::span<const double> weight) {
    std::vector<double> m(p.classes.size() * p.classes.size());
    for (std::size_t i = 0; i < cell.size(); ++i) m[cell[i]] += weight.empty() ? 1.0 : weight[i];
    return m;
  };
  const Clusters clusters = clusters_of(p.groups);
  const auto add = [&](const char* name, auto&& metric) {
    MetricValue m{name, "", metric(confusion({}))};
    if (o.resamples > 0) {
      const auto weighted = [&](std::span<const double> weight) { return metric(confusion(weight)); };
      const Interval ci = bootstrap(clusters, weighted, {o.resamples, o.seed}).ci95;
      m.low = ci.low;
      m.high = ci.high;
    }
    out.push_back(m);
  };
  add("accuracy", [&](const std::vector<double>& m) { return accuracy(m, classes); });
  add("balanced_accuracy", [&](const std::vector<double>& m) { return balanced_accuracy(m, classes); });
  add("quadratic_kappa", [&](const std::vector<double>& m) { return kappa(m, classes, 2); });
}

}  // namespace

std::vector<MetricValue> compute_metrics(const Predictions& p, const MetricOptions& o) {
  if (p.size() == 0) throw DataError("no picture to evaluate");
  std::vector<MetricValue> all{{"loss", "", p.loss}};
  std::vector<MetricValue> by_class;
  add_per_class(p, o, by_class);
  if (p.task == Task::multi_class) {
    add_decisions(p, o, all);
    const MulticlassData d{p.probabilities, p.labels, static_cast<int>(p.classes.size())};
    all.push_back({"ece", "", calibration_error(d)});
    all.push_back({"brier", "", brier(d)});
  } else {
    for (const char* name : {"accuracy", "ece", "brier"}) all.push_back(mean_over_classes(name, by_class));
  }
  for (const char* name : {"auc", "average_precision", "sensitivity_at_specificity_90"})
    all.push_back(mean_over_classes(name, by_class));
  all.insert(all.end(), by_class.begin(), by_class.end());
  return all;
}

double metric_value(const std::vector<MetricValue>& metrics, const std::string& name) {
  for (const MetricValue& m : metrics)
    if (m.name == name && m.of_class.empty()) return m.value;
  throw UsageError("no metric '{}'{} (known: {})", name, did_you_mean(name, metric_names()),
                   fmt::join(metric_names(), ", "));
}

bool smaller_is_better(const std::string& metric) { return metric == "loss" || metric == "ece" || metric == "brier"; }

std::string metrics_table(const std::vector<MetricValue>& metrics) {
  std::string out = fmt::format("{:<30} {:<18} {:>8}  {:<18} {:>9} {:>9}\n", "metric", "class", "value", "95% interval",
                                "positive", "negative");
  for (const MetricValue& m : metrics) {
    const std::string interval = std::isnan(m.low) ? "" : fmt::format("{:.4f} - {:.4f}", m.low, m.high);
    const bool counted = m.positives >= 0;
    out += fmt::format("{:<30} {:<18} {:>8.4f}  {:<18} {:>9} {:>9}\n", m.name, m.of_class.empty() ? "all" : m.of_class,
                       m.value, interval, counted ? fmt::to_string(m.positives) : "",
                       counted ? fmt::to_string(m.negatives) : "");
  }
  return out;
}

nlohmann::ordered_json metrics_json(const std::vector<MetricValue>& metrics) {
  // JSON has no NaN: null stands for what is not defined.
  const auto number = [](double x) { return std::isfinite(x) ? nlohmann::ordered_json(x) : nullptr; };
  nlohmann::ordered_json j = nlohmann::ordered_json::object();
  for (const MetricValue& m : metrics) {
    nlohmann::ordered_json entry{{"value", number(m.value)}};
    if (!std::isnan(m.low)) entry["ci95"] = {number(m.low), number(m.high)};
    if (m.positives >= 0) {
      entry["positives"] = m.positives;
      entry["negatives"] = m.negatives;
    }
    if (m.of_class.empty())
      j[m.name] = entry;
    else
      j["per_class"][m.of_class][m.name] = entry;
  }
  return j;
}

void write_predictions(const std::filesystem::path& path, const Predictions& p) {
  const std::size_t classes = p.classes.size();
  const bool single = p.task == Task::multi_class;
  atomic_write(path, [&](FileSink& sink) {
    const auto write = [&](const std::string& line) { sink.write(std::as_bytes(std::span(line))); };
    std::string line = "id,group";
    if (single) line += ",label";
    for (const std::string& c : p.classes)
      if (!single) line += "," + csv_field("label:" + c);
    for (const std::string& c : p.classes) line += "," + csv_field(c);
    write(line + "\n");
    for (std::size_t i = 0; i < p.size(); ++i) {
      line = csv_field(p.ids[i]) + "," + csv_field(p.groups[i]);
      if (single) line += "," + csv_field(p.classes[static_cast<std::size_t>(p.labels[i])]);
      for (std::size_t c = 0; c < classes && !single; ++c) {
        const float target = p.targets[i * classes + c];
        line += target == missing_target ? "," : fmt::format(",{}", target);
      }
      for (std::size_t c = 0; c < classes; ++c) line += fmt::format(",{:.9g}", p.row(i)[c]);
      write(line + "\n");
    }
  });
}

}  // namespace engine

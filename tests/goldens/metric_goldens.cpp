#include "tests/goldens/metric_goldens.h"

#include <fmt/core.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "engine/metrics/binary.h"
#include "engine/metrics/delong.h"
#include "engine/metrics/multiclass.h"
#include "engine/tensor/error.h"

namespace engine::goldens {
namespace {

using nlohmann::json;

constexpr double metric_bound = 1e-10;

double number(const json& j) {
  if (j.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!j.is_string()) return j.get<double>();
  const auto text = j.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw DataError("'{}' is no number", text);
}

// Nested lists are read row by row.
std::vector<double> numbers(const json& j) {
  std::vector<double> v;
  for (const json& e : j)
    if (e.is_array())
      for (double x : numbers(e)) v.push_back(x);
    else
      v.push_back(number(e));
  return v;
}

bool same(double found, double expected) {
  if (std::isnan(expected) || std::isnan(found)) return std::isnan(expected) && std::isnan(found);
  return found == expected || std::abs(found - expected) <= metric_bound;
}

// Compares what one case's metrics gave with what the file says; quantities by their name in the file.
class Comparison {
 public:
  explicit Comparison(std::string name) : name_(std::move(name)) {}

  void operator()(const std::string& quantity, double found, const json& expected) {
    const double truth = number(expected);
    result_.check(same(found, truth),
                  fmt::format("{} {}: {:.17g}, expected {:.17g}, bound {:g}", name_, quantity, found, truth,
                              metric_bound));
  }
  void operator()(const std::string& quantity, const std::vector<double>& found, const json& expected) {
    const auto truth = numbers(expected);
    result_.check(found.size() == truth.size(),
                  fmt::format("{} {}: {} values, expected {}", name_, quantity, found.size(), truth.size()));
    for (std::size_t i = 0; i < std::min(found.size(), truth.size()); ++i)
      (*this)(fmt::format("{}[{}]", quantity, i), found[i], truth[i]);
  }
  void check(bool ok, const std::string& line) { result_.check(ok, name_ + " " + line); }
  const GoldenResult& result() const { return result_; }

 private:
  std::string name_;
  GoldenResult result_;
};

using Quantities = std::map<std::string, std::function<void(const std::string& name, const json& expected)>>;

void compare_all(const json& expected, const Quantities& known, Comparison& compare) {
  for (const auto& [name, value] : expected.items()) {
    const auto it = known.find(name);
    if (it == known.end())
      compare.check(false, name + " is not known to this build");
    else
      it->second(name, value);
  }
}

void run_binary(const json& j, Comparison& compare) {
  const auto score = numbers(j.at("score"));
  const auto label = j.at("label").get<std::vector<int>>();
  const auto weight = j.contains("weight") ? numbers(j["weight"]) : std::vector<double>{};
  const BinaryData d{score, label, weight};
  const json& expected = j.at("expect");
  if (expected.is_string()) {
    bool refused = false;
    try {
      roc_auc(d);
    } catch (const DataError&) {
      refused = true;
    }
    compare.check(refused, "was accepted, expected " + expected.get<std::string>());
    return;
  }
  const BinaryDecisions decisions = decide(d, expected.value("threshold", 0.5));
  const auto value = [&](double found) {
    return [&compare, found](const std::string& name, const json& truth) { compare(name, found, truth); };
  };
  compare_all(expected,
              {{"threshold", [](const std::string&, const json&) {}},  // an input of the decisions
               {"roc_auc", value(roc_auc(d))},
               {"average_precision", value(average_precision(d))},
               {"accuracy", value(decisions.accuracy)},
               {"balanced_accuracy", value(decisions.balanced_accuracy)},
               {"f1", value(decisions.f1)},
               {"sensitivity", value(decisions.sensitivity)},
               {"specificity", value(decisions.specificity)},
               {"log_loss", value(log_loss(d))},
               {"brier", value(brier(d))},
               {"ece15", [&](const std::string& name, const json& e) { compare(name, calibration_error(d, 15), e); }},
               {"sensitivity_at_specificity",
                [&](const std::string& name, const json& e) {
                  const auto r = sensitivity_at_specificity(d, e.at("specificity_at_least").get<double>());
                  compare(name, r.sensitivity, e.at("sensitivity"));
                  compare(name + " threshold", r.threshold, e.at("threshold"));
                }},
               {"delong",
                [&](const std::string& name, const json& e) {
                  const DelongResult r = delong(score, label);
                  compare(name + " auc", r.auc, e.at("auc"));
                  compare(name + " variance", r.variance, e.at("variance"));
                  compare(name + " ci95", {r.ci95.low, r.ci95.high}, e.at("ci95"));
                }}},
              compare);
}

void run_multiclass(const json& j, Comparison& compare) {
  const auto probability = numbers(j.at("prob"));
  const auto label = j.at("label").get<std::vector<std::int64_t>>();
  const int classes = j.at("classes").get<int>();
  const MulticlassData d{probability, label, classes};
  const auto confusion = confusion_matrix(d);
  const auto auc = one_vs_rest_auc(d), precision = one_vs_rest_average_precision(d);
  const auto value = [&](double found) {
    return [&compare, found](const std::string& name, const json& truth) { compare(name, found, truth); };
  };
  const auto values = [&](const std::vector<double>& found) {
    return [&compare, found](const std::string& name, const json& truth) { compare(name, found, truth); };
  };
  compare_all(j.at("expect"),
              {{"accuracy", value(accuracy(confusion, classes))},
               {"balanced_accuracy", value(balanced_accuracy(confusion, classes))},
               {"macro_f1", value(macro_f1(confusion, classes))},
               {"kappa", value(kappa(confusion, classes, 0))},
               {"kappa_linear", value(kappa(confusion, classes, 1))},
               {"kappa_quadratic", value(kappa(confusion, classes, 2))},
               {"log_loss", value(log_loss(d))},
               {"brier", value(brier(d))},
               {"ece15", value(calibration_error(d, 15))},
               {"confusion", values(confusion)},
               {"ovr_auc", values(auc)},
               {"ovr_auc_macro", value(mean_of_defined(auc).value)},
               {"ovr_ap", values(precision)},
               {"ovr_ap_macro", value(mean_of_defined(precision).value)}},
              compare);
}

void run_paired(const json& j, Comparison& compare) {
  const auto a = numbers(j.at("score_a")), b = numbers(j.at("score_b"));
  const auto label = j.at("label").get<std::vector<int>>();
  const DelongPair r = delong_paired(a, b, label);
  std::vector<int> right_a, right_b;
  for (std::size_t i = 0; i < label.size(); ++i) {
    right_a.push_back((a[i] >= 0.5) == (label[i] == 1));
    right_b.push_back((b[i] >= 0.5) == (label[i] == 1));
  }
  compare_all(j.at("expect"),
              {{"auc",
                [&](const std::string& name, const json& e) {
                  compare(name, {r.auc[0], r.auc[1]}, e);
                }},
               {"covariance",
                [&](const std::string& name, const json& e) {
                  compare(name, {r.covariance[0][0], r.covariance[0][1], r.covariance[1][0], r.covariance[1][1]}, e);
                }},
               {"z", [&](const std::string& name, const json& e) { compare(name, r.z, e); }},
               {"p", [&](const std::string& name, const json& e) { compare(name, r.p, e); }},
               {"mcnemar_at_0.5",
                [&](const std::string& name, const json& e) {
                  const McNemarResult m = mcnemar(right_a, right_b);
                  compare(name + " only_a_right", static_cast<double>(m.only_a_right), e.at("only_a_right"));
                  compare(name + " only_b_right", static_cast<double>(m.only_b_right), e.at("only_b_right"));
                  compare(name + " p", m.p, e.at("p"));
                }}},
              compare);
}

}  // namespace

GoldenResult run_metric_goldens(const std::filesystem::path& json_file) {
  const json index = json::parse(read_text(json_file));
  const std::map<std::string, void (*)(const json&, Comparison&)> kinds{
      {"binary", run_binary}, {"multiclass", run_multiclass}, {"paired", run_paired}};
  GoldenResult total;
  for (const json& j : index.at("cases")) {
    Comparison compare("metrics/" + j.at("name").get<std::string>());
    const auto kind = j.at("kind").get<std::string>();
    try {
      kinds.at(kind)(j, compare);
    } catch (const std::exception& e) {
      compare.check(false, fmt::format("({}): {}", kind, e.what()));
    }
    total.add(compare.result());
  }
  return total;
}

}  // namespace engine::goldens

#include "engine/train/loss.h"

#include <charconv>

#include "engine/autograd/functions.h"
#include "kernels/backend.h"

namespace engine {
namespace {

// n / (C * n_c): every class weighs the same in all; a class without pictures weighs nothing.
std::vector<float> balanced_class_weights(const Dataset& train) {
  std::vector<float> counts(train.classes().size());
  for (const Sample& s : train.samples()) counts[static_cast<std::size_t>(s.label)] += 1.0f;
  const float share = static_cast<float>(train.size()) / static_cast<float>(counts.size());
  for (float& c : counts) c = c > 0.0f ? share / c : 0.0f;
  return counts;
}

// negatives / positives of each label; 1 where one of them is missing.
std::vector<float> balanced_positive_weights(const Dataset& train) {
  std::vector<float> weights(train.classes().size(), 1.0f);
  for (std::size_t c = 0; c < weights.size(); ++c) {
    float positives = 0.0f, negatives = 0.0f;
    for (const Sample& s : train.samples()) {
      positives += s.targets[c] == 1.0f;
      negatives += s.targets[c] == 0.0f;
    }
    if (positives > 0.0f && negatives > 0.0f) weights[c] = negatives / positives;
  }
  return weights;
}

float parse_weight(const std::string& text) {
  float x = 0.0f;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (error != std::errc() || end != text.data() + text.size() || !(x > 0.0f))
    throw UsageError("pos-weight: expected none, balanced or a positive number, found '{}'", text);
  return x;
}

}  // namespace

LossFunction::LossFunction(const TrainConfig& config, const Dataset& train, Device device)
    : task_(train.task()), label_smoothing_(config.label_smoothing) {
  std::vector<float> weights;
  if (task_ == Task::multi_class) {
    if (config.pos_weight != "none") throw UsageError("pos-weight: the data has one class a picture, not labels");
    if (config.class_weights == "balanced") weights = balanced_class_weights(train);
  } else {
    if (config.class_weights != "none") throw UsageError("class-weights: the data has labels; see pos-weight");
    if (config.label_smoothing != 0.0) throw UsageError("label-smoothing: the data has labels, not one class a picture");
    if (config.pos_weight == "balanced")
      weights = balanced_positive_weights(train);
    else if (config.pos_weight != "none")
      weights.assign(train.classes().size(), parse_weight(config.pos_weight));
  }
  if (!weights.empty()) weight_ = from_vector(weights, {static_cast<std::int64_t>(weights.size())}, device);
}

Variable LossFunction::operator()(const Variable& logits, const Tensor& target) const {
  if (task_ == Task::multi_label) return bce_with_logits(logits, target, weight_);
  CrossEntropyParams p;
  p.label_smoothing = label_smoothing_;
  return softmax_cross_entropy(logits, target, weight_, p);
}

}  // namespace engine

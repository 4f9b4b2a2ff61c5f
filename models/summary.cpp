#include "models/summary.h"

#include <list>

#include "engine/autograd/tape.h"
#include "kernels/backend.h"

namespace engine::models {
namespace {

struct EvaluationMode {
  nn::Module& model;
  bool training = model.training();
  explicit EvaluationMode(nn::Module& m) : model(m) { model.set_training(false); }
  ~EvaluationMode() { model.set_training(training); }
};

// Per output element, every weight of one output channel takes part once.
std::int64_t macs_of(const nn::Module& layer, const Shape& output) {
  const Shape* weight = nullptr;
  if (const auto* conv = dynamic_cast<const nn::Conv2d*>(&layer)) weight = &conv->weight_shape();
  if (const auto* linear = dynamic_cast<const nn::Linear*>(&layer)) weight = &linear->weight_shape();
  return weight ? output.numel() * (weight->numel() / (*weight)[0]) : 0;
}

}  // namespace

ModelSummary summarize(Classifier& model, const Shape& input) {
  ModelSummary summary;
  std::list<nn::ScopedHook> hooks;
  for (nn::Module* leaf : model.modules()) {
    if (leaf->modules().size() > 1) continue;
    hooks.emplace_back(*leaf, [&summary, leaf](const std::string& path, const Variable& y) {
      LayerSummary row;
      row.path = path;
      row.description = leaf->describe();
      row.output = y.shape();
      row.parameters = nn::parameter_count(*leaf);
      row.macs = macs_of(*leaf, y.shape());
      row.activation_bytes = static_cast<std::int64_t>(y.value().bytes());
      summary.layers.push_back(row);
    });
  }
  const EvaluationMode evaluating(model);
  const NoGrad no_notes;
  const Tensor& some = model.parameters().front()->variable.value();
  model(Variable(full(input, 0.0, some.dtype(), some.device())));

  summary.parameters = nn::parameter_count(model);
  for (const LayerSummary& row : summary.layers) {
    summary.macs += row.macs;
    summary.activation_bytes += row.activation_bytes;
  }
  return summary;
}

}  // namespace engine::models

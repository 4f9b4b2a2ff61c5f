#include "models/summary.h"

#include "kernels/backend.h"

namespace engine::models {
namespace {

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
  std::vector<nn::Module*> leaves;
  for (nn::Module* m : model.modules())
    if (m->modules().size() == 1) leaves.push_back(m);
  for (nn::Module* leaf : leaves)
    leaf->add_hook([&summary, leaf](const std::string& path, const Variable& y) {
      LayerSummary row;
      row.path = path;
      row.description = leaf->describe();
      row.output = y.shape();
      row.parameters = nn::parameter_count(*leaf);
      row.macs = macs_of(*leaf, y.shape());
      row.activation_bytes = static_cast<std::int64_t>(y.value().bytes());
      summary.layers.push_back(row);
    });
  const bool training = model.training();
  model.set_training(false);
  const Tensor& some = model.parameters().front()->variable.value();
  model(Variable(full(input, 0.0, some.dtype(), some.device())));
  model.set_training(training);
  for (nn::Module* leaf : leaves) leaf->clear_hooks();

  summary.parameters = nn::parameter_count(model);
  for (const LayerSummary& row : summary.layers) {
    summary.macs += row.macs;
    summary.activation_bytes += row.activation_bytes;
  }
  return summary;
}

}  // namespace engine::models

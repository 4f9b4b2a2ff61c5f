#include "engine/optim/ema.h"

#include "kernels/backend.h"

namespace engine {

Ema::Ema(nn::Module& model, double decay) : model_(model), decay_(decay) {
  if (!(decay >= 0.0 && decay < 1.0)) throw UsageError("ema-decay is {}, expected at least 0 and below 1", decay);
  const auto copy = [](const Tensor& t) { return backend_of(t).clone(t); };
  for (const nn::Parameter* p : model.parameters()) parameters_.push_back(copy(p->variable.value()));
  for (const nn::Buffer* b : model.buffers()) buffers_.push_back(copy(b->value));
}

void Ema::update(const Tensor& norm) {
  if (parameters_.empty()) return;
  std::vector<Tensor> weights, statistics;
  for (const nn::Parameter* p : model_.parameters()) weights.push_back(p->variable.value());
  for (const nn::Buffer* b : model_.buffers()) statistics.push_back(b->value);
  Backend& backend = backend_of(parameters_.front());
  backend.ema_(parameters_, weights, decay_, norm);
  backend.ema_(buffers_, statistics, 0.0, norm);
}

std::vector<NamedTensor> Ema::state() const {
  std::vector<NamedTensor> all;
  const auto parameters = model_.parameters();
  const auto buffers = model_.buffers();
  for (std::size_t i = 0; i < parameters.size(); ++i) all.push_back({"ema." + parameters[i]->name, parameters_[i]});
  for (std::size_t i = 0; i < buffers.size(); ++i) all.push_back({"ema." + buffers[i]->name, buffers_[i]});
  return all;
}

void Ema::swap() {
  const auto parameters = model_.parameters();
  const auto buffers = model_.buffers();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    Tensor present = parameters[i]->variable.value();
    parameters[i]->variable.set_value(parameters_[i]);
    parameters_[i] = std::move(present);
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) std::swap(buffers[i]->value, buffers_[i]);
}

}  // namespace engine

#include "bench/training.h"

#include "bench/away_from_corner.h"
#include "engine/nn/init.h"
#include "models/summary.h"

namespace engine::bench {

Training::Training(const StepOptions& o)
    : model_(models::make_model(o.model, {o.classes, o.channels})),
      pass_(*model_, [](const Variable& scores, const Tensor& labels) { return softmax_cross_entropy(scores, labels); },
            o.precision, o.record) {
  nn::initialize(*model_, nn::Scheme::he_normal, o.seed);
  if (o.away_from_corner) start_away_from_corner(*model_);
  model_->to(o.device);
  model_->set_recompute(o.recompute);
  Random random(RandomKey(o.seed, RandomStream::test));
  const Shape shape{o.batch, o.channels, o.height, o.width};
  std::vector<float> pixels(static_cast<std::size_t>(shape.numel()));
  for (float& v : pixels) v = random.uniform(-2.0f, 2.0f);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(o.batch));
  for (auto& label : labels) label = random.below(static_cast<std::uint32_t>(o.classes));
  images_ = from_vector(pixels, shape, o.device);
  if (o.precision != DType::f32) images_ = backend_of(images_).cast(images_, o.precision);
  labels_ = from_vector(labels, {o.batch}, o.device);
  for (nn::Parameter* p : model_->parameters())
    momentum_.push_back(zeros_like(p->variable.value()));
}

double Training::step() {
  const double loss = scalar_value(pass_(images_, labels_, 1.0, 0).loss);
  std::vector<OptimizerSlot> slots;
  const auto parameters = model_->parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Variable& v = parameters[i]->variable;
    slots.push_back({v.value(), v.grad(), momentum_[i], {}, 1e-3, 1e-4});
  }
  SgdParams sgd;
  sgd.momentum = 0.9;
  sgd.first_step = std::exchange(first_, false);
  backend_of(images_).sgd_(slots, sgd);
  for (nn::Parameter* p : parameters) p->variable.clear_grad();
  backend_of(images_).synchronize();
  return loss;
}

std::vector<std::vector<double>> Training::weights() {
  std::vector<std::vector<double>> all;
  for (const nn::Parameter* p : model_->parameters()) all.push_back(to_vector<double>(p->variable.value()));
  return all;
}

std::int64_t Training::macs() { return models::summarize(*model_, images_.shape().with(0, 1)).macs * images_.dim(0); }

}  // namespace engine::bench

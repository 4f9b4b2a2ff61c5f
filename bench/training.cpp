#include "bench/training.h"

#include "engine/autograd/tape.h"
#include "engine/nn/init.h"
#include "models/summary.h"

namespace engine::bench {

Training::Training(const StepOptions& o) : model_(models::make_model(o.model, {o.classes, o.channels})) {
  nn::initialize(*model_, nn::Scheme::he_normal, o.seed);
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
    momentum_.push_back(full(p->variable.shape(), 0.0, DType::f32, o.device));
}

double Training::step() {
  double loss_value;
  nn::round_conv_weights(*model_, images_.dtype());
  {
    Tape tape;
    const Variable loss = softmax_cross_entropy(cast((*model_)(Variable(images_)), DType::f32), labels_);
    tape.backward(loss);
    loss_value = scalar_value(loss.value());
  }
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
  return loss_value;
}

std::int64_t Training::macs() { return models::summarize(*model_, images_.shape().with(0, 1)).macs * images_.dim(0); }

}  // namespace engine::bench

#include "bench/training.h"

#include <cmath>

#include "bench/away_from_corner.h"
#include "engine/nn/init.h"
#include "models/summary.h"

namespace engine::bench {
namespace {

std::unique_ptr<models::Classifier> network(const StepOptions& o) {
  auto model = models::make_model(o.model, {o.classes, o.channels});
  nn::initialize(*model, nn::Scheme::he_normal, o.seed);
  if (o.away_from_corner) start_away_from_corner(*model);
  model->to(o.device);
  model->set_recompute(o.recompute);
  return model;
}

OptimizerOptions sgd() {
  OptimizerOptions o;
  o.lr = 1e-3;
  o.momentum = 0.9;
  o.weight_decay = 1e-4;
  o.decay_norm_and_bias = true;
  return o;
}

Variable cross_entropy(const Variable& scores, const Tensor& labels) { return softmax_cross_entropy(scores, labels); }

}  // namespace

Training::Training(const StepOptions& o)
    : model_(network(o)),
      optimizer_(model_->parameters(), sgd()),
      step_(*model_, cross_entropy, optimizer_, nullptr, {.precision = o.precision, .record = o.record}) {
  Random random(RandomKey(o.seed, RandomStream::test));
  const Shape shape{o.batch, o.channels, o.height, o.width};
  std::vector<float> pixels(static_cast<std::size_t>(shape.numel()));
  for (float& v : pixels) v = random.uniform(-2.0f, 2.0f);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(o.batch));
  for (auto& label : labels) label = random.below(static_cast<std::uint32_t>(o.classes));
  images_ = from_vector(pixels, shape, o.device);
  if (o.precision != DType::f32) images_ = backend_of(images_).cast(images_, o.precision);
  labels_ = from_vector(labels, {o.batch}, o.device);
}

double Training::step() {
  const double loss_scale = images_.dtype() == DType::f16 ? 1024.0 : 1.0;
  const TrainingStep::Result r = step_(images_, labels_, loss_scale, 0);
  if (std::isfinite(scalar_value(r.norm))) optimizer_.did_step();
  return scalar_value(r.loss);
}

std::vector<std::vector<double>> Training::weights() {
  std::vector<std::vector<double>> all;
  for (const nn::Parameter* p : model_->parameters()) all.push_back(to_vector<double>(p->variable.value()));
  return all;
}

std::int64_t Training::macs() { return models::summarize(*model_, images_.shape().with(0, 1)).macs * images_.dim(0); }

}  // namespace engine::bench

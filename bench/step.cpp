#include "bench/step.h"

#include <algorithm>
#include <fstream>

#include "engine/autograd/tape.h"
#include "engine/nn/init.h"
#include "engine/tensor/allocator.h"
#include "models/registry.h"
#include "models/summary.h"

namespace engine::bench {
namespace {

// What a step needs and keeps from step to step.
class Training {
 public:
  explicit Training(const StepOptions& o) : model_(models::make_model(o.model, {o.classes, o.channels})) {
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
    labels_ = from_vector(labels, {o.batch}, o.device);
    for (nn::Parameter* p : model_->parameters())
      momentum_.push_back(full(p->variable.shape(), 0.0, DType::f32, o.device));
  }

  double step() {
    double loss_value;
    {
      Tape tape;
      const Variable loss = softmax_cross_entropy((*model_)(Variable(images_)), labels_);
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

  std::int64_t macs() { return models::summarize(*model_, images_.shape().with(0, 1)).macs * images_.dim(0); }

 private:
  std::unique_ptr<models::Classifier> model_;
  Tensor images_, labels_;
  std::vector<Tensor> momentum_;
  bool first_ = true;
};

}  // namespace

std::size_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

StepResult bench_step(const StepOptions& o) {
  if (o.steps < 1 || o.batch < 1) throw UsageError("bench step: needs at least one step and one image");
  Training training(o);
  for (int i = 0; i < o.warmup; ++i) training.step();
  StepResult r;
  allocator_of(o.device).reset_peak();
  for (int i = 0; i < o.steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    r.last_loss = training.step();
    r.seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  r.peak_tensor_bytes = allocator_of(o.device).stats().peak;
  r.peak_bytes = peak_resident_bytes();
  std::vector<double> sorted = r.seconds;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
  r.median_seconds = sorted[sorted.size() / 2];
  r.images_per_second = static_cast<double>(o.batch) / r.median_seconds;
  r.gflops = 6.0 * static_cast<double>(training.macs()) / r.median_seconds * 1e-9;
  Profiler profiler;
  {
    const ObserveOps watching(profiler);
    training.step();
  }
  r.ops = profiler.times();
  return r;
}

}  // namespace engine::bench

#include "engine/train/backend_check.h"

#include <cmath>

#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "kernels/backend.h"

namespace engine {
namespace {

std::unique_ptr<models::Classifier> twin_of(const TrainConfig& config, const ModelSetup& setup, Device device) {
  auto twin = models::make_model(
      setup.name, {static_cast<std::int64_t>(setup.classes.size()), setup.preparation.channels});
  for (const std::string& regex : config.freeze) nn::set_trainable(*twin, regex, false);
  for (const std::string& regex : config.freeze_bn_stats) nn::set_statistics(*twin, regex, nn::Statistics::frozen);
  twin->set_recompute(config.recompute);
  twin->to(device);
  twin->set_training(true);
  return twin;
}

double relative(double difference, double size) { return difference == 0.0 ? 0.0 : difference / size; }

}  // namespace

StepTolerance step_tolerance(DType precision, bool tf32) {
  if (precision == DType::bf16) return {.loss = 0.25, .gradients = 0.75};
  if (precision == DType::f16) return {.loss = 0.1, .gradients = 0.4};
  if (tf32) return {.loss = 0.05, .gradients = 0.2};
  return {.loss = 0.01, .gradients = 0.1};
}

BackendCheck::BackendCheck(const TrainConfig& config, const ModelSetup& setup, const Dataset& train, Device other)
    : config_(config),
      task_(setup.task),
      other_(other),
      twin_(twin_of(config, setup, other)),
      loss_(config, train, other) {}

StepDifference BackendCheck::compare(nn::Module& model, const DeviceBatch& batch, double loss, double loss_scale,
                                     std::uint64_t step) {
  const auto ours = twin_->parameters(), theirs = model.parameters();
  for (std::size_t i = 0; i < ours.size(); ++i)
    backend_of(other_).copy_(ours[i]->variable.value(), to_device(theirs[i]->variable.value(), other_));
  const auto our_buffers = twin_->buffers(), their_buffers = model.buffers();
  for (std::size_t i = 0; i < our_buffers.size(); ++i)
    backend_of(other_).copy_(our_buffers[i]->value, to_device(their_buffers[i]->value, other_));
  nn::set_random_step(*twin_, static_cast<std::uint64_t>(config_.seed), step);

  StepDifference d;
  {
    Tape tape;
    const Variable mean_loss =
        loss_((*twin_)(Variable(to_device(batch.images, other_))), to_device(batch.target, other_));
    tape.backward(mean_loss);
    const double truth = scalar_value(mean_loss.value());
    d.loss = relative(std::abs(loss - truth), std::abs(truth));
  }
  struct Squares {
    double difference = 0.0, size = 0.0;
  };
  Squares all;
  std::vector<Squares> each;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    Squares s;
    if (ours[i]->variable.grad().defined() && theirs[i]->variable.grad().defined()) {
      const auto truth = to_vector<double>(ours[i]->variable.grad()), found = to_vector<double>(theirs[i]->variable.grad());
      for (std::size_t k = 0; k < truth.size(); ++k) {
        const double off = found[k] / loss_scale - truth[k];
        s.difference += off * off;
        s.size += truth[k] * truth[k];
      }
    } else if (ours[i]->variable.grad().defined() != theirs[i]->variable.grad().defined()) {
      s.difference = std::nan("");
    }
    ours[i]->variable.clear_grad();
    all.difference += s.difference;
    all.size += s.size;
    each.push_back(s);
  }
  d.gradients = std::sqrt(relative(all.difference, all.size));
  for (std::size_t i = 0; i < each.size(); ++i) {
    const double error = std::sqrt(relative(each[i].difference, each[i].size));
    if (each[i].size < 1e-6 * all.size && !std::isnan(error)) continue;
    if (error <= d.worst) continue;  // NaN is worse than anything
    d.worst = error;
    d.worst_parameter = ours[i]->name;
    if (std::isnan(error)) break;
  }
  return d;
}

}  // namespace engine

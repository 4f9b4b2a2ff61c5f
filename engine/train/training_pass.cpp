#include "engine/train/training_pass.h"

#include "engine/autograd/tape.h"
#include "engine/tensor/allocator.h"

namespace engine {
namespace {

// A recording finds parameters and buffers where they were.
std::vector<std::uint64_t> places(nn::Module& model) {
  std::vector<std::uint64_t> all;
  for (const nn::Parameter* p : model.parameters()) all.push_back(p->variable.value().storage()->id());
  for (const nn::Buffer* b : model.buffers()) all.push_back(b->value.storage()->id());
  return all;
}

// The same memory with an owner count of its own: who scales gradients in place asks whether they are shared.
Tensor lent(const Tensor& t) {
  const std::shared_ptr<Storage> storage = t.storage();
  return Tensor(t.shape(), t.dtype(), t.device(), {storage.get(), [storage](Storage*) {}}, t.layout());
}

}  // namespace

struct TrainingPass::Recorded {
  Tensor images, target, seed;
  Result result;
  std::vector<Tensor> gradients;  // of the parameters, in their order
  std::vector<std::uint64_t> places;
  std::unique_ptr<Recording> work;
};

TrainingPass::TrainingPass(nn::Module& model, Loss loss, DType precision, bool record)
    : model_(model), loss_(std::move(loss)), precision_(precision), record_(record) {}
TrainingPass::~TrainingPass() = default;

void TrainingPass::forget() {
  if (!recorded_) return;
  const Device device = recorded_->images.device();
  recorded_.reset();
  allocator_of(device).trim();  // nobody else can use it in pieces
}

TrainingPass::Result TrainingPass::operator()(const Tensor& images, const Tensor& target, double loss_scale,
                                              std::uint64_t random_step) {
  // A pass without the recording finds no room beside it where memory is short.
  if (recorded_ && (recorded_->places != places(model_) || recorded_->images.shape() != images.shape())) forget();
  const bool repeats = images.shape() == seen_, observed = current_observer() != nullptr;
  seen_ = images.shape();
  if (!recorded_ && record_ && repeats && !observed && backend_of(images).can_record()) record(images, target);
  if (recorded_ && !observed)
    return replay(images, target, loss_scale, random_step);
  return run(images, target, full({}, loss_scale, DType::f32, images.device()));
}

TrainingPass::Result TrainingPass::run(const Tensor& images, const Tensor& target, const Tensor& seed) {
  const Tensor x = precision_ == images.dtype() ? images : backend_of(images).cast(images, precision_);
  nn::round_weights(model_, precision_);
  Tape tape;
  const Variable scores = cast(model_(Variable(x)), DType::f32);
  const Variable loss = loss_(scores, target);
  tape.backward(loss, seed);
  return {scores.value(), loss.value()};
}

void TrainingPass::record(const Tensor& images, const Tensor& target) {
  Backend& backend = backend_of(images);
  const auto parameters = model_.parameters();
  const auto clear = [&] {
    for (nn::Parameter* p : parameters) p->variable.clear_grad();
  };
  // Weights that were rounded before would stay as they are.
  for (nn::Parameter* p : parameters) p->kept = {};
  allocator_of(images.device()).trim();  // what passes without a recording have left
  try {
    auto r = std::make_unique<Recorded>();
    r->images = backend.clone(images);
    r->target = backend.clone(target);
    r->seed = full({}, 1.0, DType::f32, images.device());
    r->work = backend.begin_recording();
    r->result = run(r->images, r->target, r->seed);
    for (nn::Parameter* p : parameters) {
      if (p->variable.gradient()) p->variable.gradient()->unshare();
      r->gradients.push_back(p->variable.grad());
    }
    r->work->end();
    r->places = places(model_);
    recorded_ = std::move(r);
  } catch (const OutOfMemory&) {
    record_ = false;  // without one there may be enough
  }
  clear();
  for (nn::Parameter* p : parameters) p->kept = {};
}

TrainingPass::Result TrainingPass::replay(const Tensor& images, const Tensor& target, double loss_scale,
                                          std::uint64_t random_step) {
  Backend& backend = backend_of(images);
  Recorded& r = *recorded_;
  backend.copy_(r.images, images);
  backend.copy_(r.target, target);
  backend.fill_(r.seed, loss_scale);
  r.work->run(static_cast<std::uint32_t>(random_step));
  const auto parameters = model_.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (r.gradients[i].defined()) parameters[i]->variable.gradient()->value = lent(r.gradients[i]);
  return r.result;
}

}  // namespace engine

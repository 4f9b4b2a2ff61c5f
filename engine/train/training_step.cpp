#include "engine/train/training_step.h"

#include "engine/autograd/tape.h"
#include "engine/tensor/allocator.h"

namespace engine {
namespace {

std::vector<Storage*> storages(nn::Module& model) {
  std::vector<Storage*> all;
  for (const nn::Parameter* p : model.parameters()) all.push_back(p->variable.value().storage().get());
  for (const nn::Buffer* b : model.buffers()) all.push_back(b->value.storage().get());
  return all;
}

// A recording finds parameters and buffers where they were.
std::vector<std::uint64_t> places(nn::Module& model) {
  std::vector<std::uint64_t> all;
  for (const Storage* s : storages(model)) all.push_back(s->id());
  return all;
}

void clear_grads(nn::Module& model) {
  for (nn::Parameter* p : model.parameters()) p->variable.clear_grad();
}

// Weights that were rounded before would stay as they are.
void forget_rounded(nn::Module& model) {
  for (nn::Parameter* p : model.parameters()) p->kept = {};
}

}  // namespace

struct TrainingStep::Recorded {
  Tensor images, target, loss_scale;
  Result result;
  std::vector<Tensor> gradients;  // of the parameters, in their order; only for inspection
  std::vector<std::uint64_t> places;
  std::vector<std::unique_ptr<Recording>> parts;

  // The one that is still being written down must end before another waits for the device.
  ~Recorded() {
    while (!parts.empty()) parts.pop_back();
  }
};

TrainingStep::TrainingStep(nn::Module& model, Loss loss, Optimizer& optimizer, Ema* average, Options options)
    : model_(model), loss_(std::move(loss)), optimizer_(optimizer), average_(average), options_(std::move(options)) {}
TrainingStep::~TrainingStep() = default;

void TrainingStep::forget() {
  if (!recorded_) return;
  const Device device = recorded_->images.device();
  recorded_.reset();
  allocator_of(device).trim();  // nobody else can use it in pieces
}

TrainingStep::Result TrainingStep::operator()(const Tensor& images, const Tensor& target, double loss_scale,
                                              std::uint64_t random_step) {
  if (loss_scale != 1.0 && options_.precision != DType::f16)
    throw UsageError("training step: a loss scale of {} beside {}", loss_scale, name_of(options_.precision));
  const bool repeats = images.shape() == seen_, observed = current_observer() != nullptr;
  seen_ = images.shape();
  // A step without the recording finds no room beside it where memory is short.
  if (recorded_ && (observed || recorded_->places != places(model_) || recorded_->images.shape() != images.shape()))
    forget();
  optimizer_.set_numbers();
  if (!recorded_ && options_.record && repeats && !observed && backend_of(images).can_record()) record(images, target);
  if (recorded_) return replay(images, target, loss_scale, random_step);
  return run(images, target, full({}, loss_scale, DType::f32, images.device()));
}

TrainingStep::Result TrainingStep::run(const Tensor& images, const Tensor& target, const Tensor& loss_scale) {
  Result result = forward_and_backward(images, target, loss_scale);
  if (options_.inspect && !current_observer()) options_.inspect(result);
  update(result, loss_scale);
  clear_grads(model_);
  return result;
}

TrainingStep::Result TrainingStep::forward_and_backward(const Tensor& images, const Tensor& target,
                                                        const Tensor& loss_scale) {
  const bool rounded = options_.precision != images.dtype();
  const Tensor x = rounded ? backend_of(images).cast(images, options_.precision) : images;
  nn::round_weights(model_, options_.precision);
  Tape tape;
  const Variable scores = cast(model_(Variable(x)), DType::f32);
  const Variable loss = loss_(scores, target);
  tape.backward(loss, loss_scale);
  return {scores.value(), loss.value(), {}};
}

void TrainingStep::update(Result& result, const Tensor& loss_scale) {
  result.norm = clip_grad_norm(model_.parameters(), options_.max_norm,
                               options_.precision == DType::f16 ? loss_scale : Tensor{});
  optimizer_.update(result.norm);
  if (average_) average_->update(result.norm);
}

void TrainingStep::record(const Tensor& images, const Tensor& target) {
  Backend& backend = backend_of(images);
  forget_rounded(model_);
  allocator_of(images.device()).trim();  // what steps without a recording have left
  try {
    auto r = std::make_unique<Recorded>();
    r->images = backend.clone(images);
    r->target = backend.clone(target);
    r->loss_scale = full({}, 1.0, DType::f32, images.device());
    r->parts.push_back(backend.begin_recording());
    r->result = forward_and_backward(r->images, r->target, r->loss_scale);
    if (options_.inspect) {
      // Whose gradients share memory must part before they are seen.
      for (nn::Parameter* p : model_.parameters())
        if (p->variable.gradient()) p->variable.gradient()->unshare();
      r->parts.back()->end();
      r->parts.push_back(backend.begin_recording());
    }
    update(r->result, r->loss_scale);
    if (options_.inspect)
      for (nn::Parameter* p : model_.parameters()) r->gradients.push_back(p->variable.grad());
    clear_grads(model_);
    r->parts.back()->end();
    r->places = places(model_);
    recorded_ = std::move(r);
  } catch (const OutOfMemory&) {
    options_.record = false;  // without one there may be enough
  }
  clear_grads(model_);
  forget_rounded(model_);
}

TrainingStep::Result TrainingStep::replay(const Tensor& images, const Tensor& target, double loss_scale,
                                          std::uint64_t random_step) {
  Backend& backend = backend_of(images);
  Recorded& r = *recorded_;
  backend.copy_(r.images, images);
  backend.copy_(r.target, target);
  backend.fill_(r.loss_scale, loss_scale);
  r.parts.front()->run(static_cast<std::uint32_t>(random_step));
  if (options_.inspect) {
    const auto parameters = model_.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i)
      if (r.gradients[i].defined()) parameters[i]->variable.gradient()->value = r.gradients[i];
    options_.inspect({r.result.scores, r.result.loss, {}});
    clear_grads(model_);
    r.parts.back()->run(static_cast<std::uint32_t>(random_step));
  }
  for (Storage* s : storages(model_)) ++s->version;
  return r.result;
}

}  // namespace engine

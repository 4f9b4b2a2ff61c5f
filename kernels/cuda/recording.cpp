#include "kernels/cuda/recording.h"

#include <cstring>
#include <utility>

#include "engine/tensor/allocator.h"

namespace engine::gpu {

Recorder::Recorder(Context& context) : context_(context) {
  if (context.recorder) throw UsageError("a recording is being made already");
  random_step_ = context.empty({}, DType::i32);
  context.runtime().begin_recording();
  allocator_of(context.device()).begin_recording();
  context.recorder = this;
}

void Recorder::stop() {
  context_.recorder = nullptr;
  allocator_of(context_.device()).end_recording();
  graph_ = context_.runtime().end_recording();
}

void Recorder::end() {
  if (context_.recorder == this) stop();
}

Recorder::~Recorder() {
  try {
    end();
    context_.synchronize();
  } catch (const Error&) {  // given up because of something that is thrown already
  }
  graph_.reset();
  for (void* p : kept_) context_.runtime().free_pinned(p);
  allocator_of(context_.device()).drop_recording();
}

const void* Recorder::keep(const void* from, std::size_t bytes) {
  void* p = context_.runtime().allocate_pinned(bytes);
  kept_.push_back(p);
  std::memcpy(p, from, bytes);
  return p;
}

void Recorder::run(std::uint32_t random_step) {
  if (!graph_) throw UsageError("a recording runs when it has ended");
  context_.upload(random_step_.raw(), &random_step, sizeof random_step);
  context_.runtime().launch(*graph_, context_.compute());
}

}  // namespace engine::gpu

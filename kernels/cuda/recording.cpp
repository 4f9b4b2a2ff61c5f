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

bool Recorder::stop() {
  if (context_.recorder != this) return false;
  context_.recorder = nullptr;
  allocator_of(context_.device()).end_recording();
  return true;
}

void Recorder::end() {
  if (stop()) graph_ = context_.runtime().end_recording();
}

Recorder::~Recorder() {
  if (stop()) context_.runtime().abandon_recording();  // because of something that is thrown already
  try {
    context_.synchronize();
  } catch (const Error&) {  // of work before
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

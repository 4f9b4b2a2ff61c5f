#include "kernels/cuda/context.h"

#include <algorithm>
#include <array>

#include "engine/tensor/allocator.h"
#include "kernels/cuda/device_allocator.h"
#include "kernels/cuda/recording.h"
#include "kernels/cuda/staging.h"

namespace engine::gpu {

// A grid that is large enough is not split into blocks that share a result.
constexpr std::int64_t most_counters = 16384;

static std::array<Context*, device_count> contexts{};

Context* context_of(Device device) { return contexts[static_cast<std::size_t>(device)]; }

Context::Context(Runtime& runtime, Device device)
    : runtime_(runtime),
      device_(device),
      compute_(runtime.stream(StreamName::compute)),
      staging_(std::make_unique<Staging>(runtime)),
      counters_(static_cast<unsigned*>(runtime.allocate(most_counters * sizeof(unsigned)))) {
  runtime.set_bytes(counters_, 0, most_counters * sizeof(unsigned), compute_);
  // Never deleted: tensors in static variables may outlive the context.
  register_allocator(device, new CachingAllocator(make_device_memory(runtime)));
  contexts[static_cast<std::size_t>(device)] = this;
}

Context::~Context() {
  contexts[static_cast<std::size_t>(device_)] = nullptr;
  runtime_.free(counters_);
}

unsigned* Context::counters(std::int64_t n) const {
  if (n > most_counters) throw UsageError("{} counters of blocks, of which there are {}", n, most_counters);
  return counters_;
}

void Context::upload(void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  if (recorder)
    runtime_.copy_to_device(to, recorder->keep(from, bytes), bytes, compute_);
  else
    staging_->upload(to, from, bytes, compute_);
}

void Context::download(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) runtime_.copy_to_host(to, from, bytes, compute_);
  synchronize();
}

LaunchShape Context::grid_stride(std::int64_t items, int per_thread, unsigned block) const {
  const std::int64_t per_block = static_cast<std::int64_t>(block) * per_thread;
  const auto resident = static_cast<std::int64_t>(properties().multiprocessors) *
                        (properties().threads_per_multiprocessor / static_cast<int>(block));
  const std::int64_t blocks = std::clamp<std::int64_t>((items + per_block - 1) / per_block, 1, resident);
  return {static_cast<unsigned>(blocks), block};
}

std::string_view kernel_name(std::string_view pretty) {
  constexpr std::string_view mark = "Kernel = ";
  const auto begin = pretty.find(mark);
  if (begin == std::string_view::npos) return pretty;
  pretty.remove_prefix(begin + mark.size());
  int depth = 0;
  for (std::size_t i = 0; i < pretty.size(); ++i) {
    const char c = pretty[i];
    if (c == '<' || c == '(') ++depth;
    if (c == '>' || c == ')') --depth;
    if (depth == 0 && (c == ';' || c == ',' || c == ']')) return pretty.substr(0, i);
  }
  return pretty;
}

}  // namespace engine::gpu

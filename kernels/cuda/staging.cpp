#include "kernels/cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace engine::gpu {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;

}  // namespace

Staging::~Staging() {
  for (Buffer& b : buffers_)
    if (b.memory) runtime_.free_pinned(b.memory);
}

void Staging::upload(void* to, const void* from, std::size_t bytes, Stream stream) {
  for (std::size_t done = 0; done < bytes;) {
    Buffer& b = buffers_[next_++ % buffers_.size()];
    if (b.memory) {
      runtime_.synchronize(*b.emptied);
    } else {
      b.emptied = runtime_.make_event();
      b.memory = runtime_.allocate_pinned(buffer_bytes);
    }
    const std::size_t n = std::min(buffer_bytes, bytes - done);
    std::memcpy(b.memory, static_cast<const char*>(from) + done, n);
    runtime_.copy_to_device(static_cast<char*>(to) + done, b.memory, n, stream);
    runtime_.record(*b.emptied, stream);
    done += n;
  }
}

}  // namespace engine::gpu

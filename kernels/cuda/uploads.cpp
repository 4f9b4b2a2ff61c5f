#include "kernels/cuda/uploads.h"

namespace engine::gpu {

PinnedUpload::PinnedUpload(Context& context)
    : context_(context),
      stream_(context.runtime().stream(StreamName::upload)),
      sent_(context.runtime().make_event()),
      read_(context.runtime().make_event()) {}

PinnedUpload::~PinnedUpload() {
  try {
    release();
  } catch (const Error&) {  // of work before
  }
}

// The memory of tensors is reused in the order of the compute stream, which knows nothing of this one.
void PinnedUpload::release() {
  context_.runtime().synchronize(*sent_);
  if (host_) context_.runtime().free_pinned(host_);
  host_ = nullptr;
  capacity_ = 0;
  device_ = {};
}

std::byte* PinnedUpload::host(std::size_t bytes) {
  context_.runtime().synchronize(*sent_);
  if (bytes > capacity_) {
    release();
    const std::size_t room = bytes + bytes / 4;  // batches differ in size
    device_ = context_.empty({static_cast<std::int64_t>(room)}, DType::u8);
    context_.runtime().record(*read_, context_.compute());  // whose memory it was
    host_ = static_cast<std::byte*>(context_.runtime().allocate_pinned(room));
    capacity_ = room;
  }
  bytes_ = bytes;
  return host_;
}

void PinnedUpload::send() {
  if (bytes_ == 0) return;
  context_.runtime().wait(stream_, *read_);
  context_.runtime().copy_to_device(device_.raw(), host_, bytes_, stream_);
  context_.runtime().record(*sent_, stream_);
}

Tensor PinnedUpload::receive() {
  context_.runtime().wait(context_.compute(), *sent_);
  return Tensor({static_cast<std::int64_t>(bytes_)}, DType::u8, context_.device(), device_.storage(), nullptr);
}

void PinnedUpload::done() { context_.runtime().record(*read_, context_.compute()); }

}  // namespace engine::gpu

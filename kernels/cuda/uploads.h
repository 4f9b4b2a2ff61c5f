// Batches that travel on the upload stream while kernels run on the compute stream.
#pragma once

#include <memory>

#include "kernels/backend.h"
#include "kernels/cuda/context.h"

namespace engine::gpu {

class PinnedUpload final : public Upload {
 public:
  explicit PinnedUpload(Context& context);
  ~PinnedUpload() override;
  std::byte* host(std::size_t bytes) override;
  void send() override;
  Tensor receive() override;
  void done() override;

 private:
  void release();

  Context& context_;
  Stream stream_;
  std::unique_ptr<Event> sent_, read_;  // the copy was made; the work that reads its result has run
  std::byte* host_ = nullptr;
  std::size_t capacity_ = 0, bytes_ = 0;
  Tensor device_;
};

}  // namespace engine::gpu

// Batches on their way from the loader to the device: the next one is copied while the network computes, and a device
// that can do it makes pictures ready itself.
#pragma once

#include <exception>
#include <memory>

#include "engine/data/loader.h"
#include "kernels/backend.h"

namespace engine {

/// A batch whose numbers are on the device.
struct DeviceBatch {
  Batch host;     ///< labels and indices; pictures as they were sent
  Tensor images;  ///< f32 [N, C, H, W]
  Tensor target;  ///< i64 labels [N], or f32 [N, classes]

  std::size_t size() const { return host.size(); }
};

class BatchFeed {
 public:
  /// As Loader; `options.pack` is the device's affair. `data` outlives the feed.
  BatchFeed(const Dataset& data, const TransformPlan& plan, LoaderOptions options, Device device);
  ~BatchFeed();

  std::size_t batches() const { return loader_.batches(); }
  /// Begins an epoch at batch `first`.
  void start_epoch(std::uint32_t epoch, std::size_t first = 0);
  /// The next batch; false at the end of the epoch. Throws what making the batch threw, and OutOfMemory where the device
  /// has no room for it: then `batch.host` is there.
  bool next(DeviceBatch& batch);
  /// Called when the work on a batch has been queued: begins to copy the next one, if the device can do both at once.
  void prefetch();
  /// Pictures left out in this epoch by the batches that next() gave and those before.
  const std::vector<BadImage>& bad_images() const { return bad_images_; }

  /// The same for a batch at hand. What was fetched is lost.
  DeviceBatch place(Batch host);

 private:
  void fetch();
  void send(const Batch& batch);
  void receive(DeviceBatch& batch);

  Backend& backend_;
  Task task_;
  Loader loader_;
  std::unique_ptr<Upload> upload_;  // null: pictures come transformed, and are copied at once
  bool fetched_ = false, ended_ = false;
  Batch ahead_;  // what was fetched, unless it failed
  std::exception_ptr failure_;
  std::vector<BadImage> bad_images_;
};

/// Pixels of a batch that was not packed, on the device: f32 [N, C, H, W].
Tensor images_tensor(const Batch& batch, Device device);
/// i64 labels [N], or f32 targets [N, classes].
Tensor target_tensor(const Batch& batch, Task task, Device device);

}  // namespace engine

#include "engine/train/batch_feed.h"

#include <utility>

namespace engine {
namespace {

LoaderOptions packed_for(Device device, LoaderOptions options) {
  options.pack = backend_of(device).transforms_pictures();
  return options;
}

}  // namespace

BatchFeed::BatchFeed(const Dataset& data, const TransformPlan& plan, LoaderOptions options, Device device)
    : backend_(backend_of(device)),
      task_(data.task()),
      loader_(data, plan, packed_for(device, options)),
      upload_(backend_.transforms_pictures() ? backend_.make_upload() : nullptr) {}
BatchFeed::~BatchFeed() = default;

void BatchFeed::start_epoch(std::uint32_t epoch, std::size_t first) {
  fetched_ = ended_ = false;
  failure_ = nullptr;
  bad_images_.clear();
  loader_.start_epoch(epoch, first);
}

void BatchFeed::send(const Batch& batch) {
  batch.packed.write(upload_->host(batch.packed.bytes()));
  upload_->send();
}

void BatchFeed::fetch() {
  fetched_ = true;
  try {
    ended_ = !loader_.next(ahead_);
    if (upload_ && !ended_ && ahead_.size() > 0) send(ahead_);
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void BatchFeed::prefetch() {
  if (upload_ && !fetched_) fetch();
}

bool BatchFeed::next(DeviceBatch& batch) {
  if (!fetched_) fetch();
  fetched_ = false;
  bad_images_ = loader_.bad_images();
  batch.images = batch.target = {};  // room for the next ones
  std::swap(batch.host, ahead_);     // the loader fills the buffers again
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  if (ended_) return false;
  receive(batch);
  return true;
}

void BatchFeed::receive(DeviceBatch& b) {
  if (b.size() == 0) return;
  if (upload_) {
    const Tensor bytes = upload_->receive();
    try {
      b.images = backend_.transform_pictures(bytes, b.host.packed.batch());
    } catch (...) {
      upload_->done();  // a part of it may be reading
      throw;
    }
    upload_->done();
  } else {
    b.images = images_tensor(b.host, backend_.device());
  }
  b.target = target_tensor(b.host, task_, backend_.device());
}

DeviceBatch BatchFeed::place(Batch host) {
  if (upload_) send(host);
  DeviceBatch b{std::move(host), {}, {}};
  receive(b);
  return b;
}

Tensor images_tensor(const Batch& b, Device device) {
  const Shape shape{static_cast<std::int64_t>(b.size()), b.channels, b.height, b.width};
  return backend_of(device).from_host(b.pixels.data(), shape, DType::f32);
}

Tensor target_tensor(const Batch& b, Task task, Device device) {
  const auto n = static_cast<std::int64_t>(b.size());
  if (task == Task::multi_class) return backend_of(device).from_host(b.labels.data(), {n}, DType::i64);
  const auto classes = static_cast<std::int64_t>(b.targets.size()) / n;
  return backend_of(device).from_host(b.targets.data(), {n, classes}, DType::f32);
}

}  // namespace engine

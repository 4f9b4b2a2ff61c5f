#include "engine/data/loader.h"

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "engine/tensor/error.h"

namespace engine {
namespace {

struct Made {
  Batch batch;
  std::vector<BadImage> bad;
  std::exception_ptr failure;
};

// The first `n` of `all` that belong to pictures of which there are `size`.
template <class T>
std::vector<T> part(const std::vector<T>& all, std::size_t n, std::size_t size) {
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / size * n)};
}

}  // namespace

Batch first_of(const Batch& b, std::size_t n) {
  const std::size_t size = b.size();
  if (n > size) throw UsageError("the first {} pictures of a batch of {}", n, size);
  if (n == size) return b;
  return {part(b.pixels, n, size), b.packed.first(b.packed.size() > 0 ? n : 0),
          part(b.labels, n, size), part(b.targets, n, size),
          part(b.indices, n, size), b.channels, b.height, b.width};
}

struct Loader::Impl {
  const Dataset& data;
  const TransformPlan plan;
  const LoaderOptions options;

  std::mutex mutex;
  std::condition_variable work_wanted, batch_made;
  std::vector<std::thread> threads;
  bool stopping = false;
  std::uint64_t generation = 0;  // of the epoch: work for a former one is thrown away
  std::shared_ptr<const std::vector<std::size_t>> order;
  std::uint32_t epoch = 0;
  std::size_t to_make = 0, to_take = 0;
  std::map<std::size_t, Made> ready;
  std::vector<Batch> spare;  // buffers to use again
  std::vector<BadImage> bad;

  Impl(const Dataset& d, const TransformPlan& p, const LoaderOptions& o) : data(d), plan(p), options(o) {
    plan.check();
    if (options.batch_size < 1) throw UsageError("loader: the batch size must be at least 1");
    if (options.workers < 0 || options.workers > 256) throw UsageError("loader: {} workers", options.workers);
    for (int i = 0; i < options.workers; ++i) threads.emplace_back([this] { work(); });
  }

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    work_wanted.notify_all();
    for (std::thread& t : threads) t.join();
  }

  std::size_t batches() const {
    const std::size_t n = data.size(), b = options.batch_size;
    return options.drop_last ? n / b : (n + b - 1) / b;
  }

  // Never more than the waiting room and the workers hold.
  bool may_make() const { return to_make < batches() && to_make < to_take + std::max<std::size_t>(options.prefetch, 1); }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      work_wanted.wait(lock, [&] { return stopping || (order && may_make()); });
      if (stopping) return;
      const std::size_t position = to_make++;
      const std::uint64_t mine = generation;
      const auto my_order = order;
      const std::uint32_t my_epoch = epoch;
      Made made;
      if (!spare.empty()) {
        made.batch = std::move(spare.back());
        spare.pop_back();
      }
      lock.unlock();
      make(position, *my_order, my_epoch, made);
      lock.lock();
      if (mine != generation) continue;
      ready.emplace(position, std::move(made));
      batch_made.notify_all();
    }
  }

  void make(std::size_t position, const std::vector<std::size_t>& positions, std::uint32_t in_epoch, Made& made) const {
    try {
      fill(position, positions, in_epoch, made);
    } catch (...) {
      made.failure = std::current_exception();
    }
  }

  void fill(std::size_t position, const std::vector<std::size_t>& positions, std::uint32_t in_epoch, Made& made) const {
    const std::size_t begin = position * options.batch_size;
    const std::size_t end = std::min(begin + options.batch_size, positions.size()), size = plan.output_size();
    Batch& b = made.batch;
    b.channels = plan.channels, b.height = plan.output_height(), b.width = plan.output_width();
    b.labels.clear(), b.targets.clear(), b.indices.clear();
    b.pixels.resize(options.pack ? 0 : (end - begin) * size);
    b.packed.clear(plan);
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t index = positions[i];
      const Sample& sample = data.sample(index);
      RandomKey key(options.seed, RandomStream::augment);
      key.epoch = in_epoch;
      key.sample = static_cast<std::uint32_t>(i);  // the position in the epoch: a picture drawn twice differs
      try {
        const Image image = data.load(index, plan.short_side_hint());
        const RandomKey* const random = options.augment ? &key : nullptr;
        if (options.pack)
          b.packed.add(image, plan, random);
        else
          transform(image, plan, random, {b.pixels.data() + b.indices.size() * size, size});
      } catch (const DataError& e) {
        if (!options.skip_bad_images) throw;
        made.bad.push_back({sample.id, e.what()});
        continue;
      }
      b.indices.push_back(index);
      if (data.task() == Task::multi_class)
        b.labels.push_back(sample.label);
      else
        b.targets.insert(b.targets.end(), sample.targets.begin(), sample.targets.end());
    }
    if (!options.pack) b.pixels.resize(b.indices.size() * size);
  }

  bool take(Batch& batch) {
    Made made;
    {
      std::unique_lock lock(mutex);
      if (!order) throw UsageError("loader: start_epoch() comes before next()");
      if (to_take >= batches()) return false;
      if (threads.empty()) {
        std::swap(made.batch, batch);
        make(to_take, *order, epoch, made);
        ++to_make;
      } else {
        batch_made.wait(lock, [&] { return ready.count(to_take) > 0; });
        made = std::move(ready.extract(to_take).mapped());
        spare.push_back(std::move(batch));
      }
      ++to_take;
    }
    work_wanted.notify_one();
    if (made.failure) std::rethrow_exception(made.failure);
    bad.insert(bad.end(), made.bad.begin(), made.bad.end());
    batch = std::move(made.batch);
    return true;
  }
};

Loader::Loader(const Dataset& data, const TransformPlan& plan, const LoaderOptions& options)
    : impl_(std::make_unique<Impl>(data, plan, options)) {}
Loader::~Loader() = default;

std::size_t Loader::batches() const { return impl_->batches(); }

void Loader::start_epoch(std::uint32_t epoch, std::size_t first) {
  auto order = std::make_shared<const std::vector<std::size_t>>(
      epoch_order(impl_->data, impl_->options.sampling, impl_->options.seed, epoch));
  {
    const std::lock_guard lock(impl_->mutex);
    ++impl_->generation;
    impl_->order = std::move(order);
    impl_->epoch = epoch;
    impl_->to_make = impl_->to_take = first;
    impl_->ready.clear();
    impl_->bad.clear();
  }
  impl_->work_wanted.notify_all();
}

bool Loader::next(Batch& batch) { return impl_->take(batch); }

const std::vector<BadImage>& Loader::bad_images() const { return impl_->bad; }

}  // namespace engine

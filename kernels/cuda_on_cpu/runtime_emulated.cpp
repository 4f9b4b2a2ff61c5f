#include "kernels/cuda_on_cpu/runtime_emulated.h"

#include <sys/sysinfo.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <set>
#include <utility>
#include <vector>

#include "kernels/cuda_on_cpu/device_memory.h"
#include "kernels/cuda_on_cpu/fault.h"
#include "kernels/cuda_on_cpu/options.h"
#include "kernels/cuda_on_cpu/stream_queue.h"

namespace engine::emulator {
namespace {

using Clock = std::chrono::steady_clock;

class QueueEvent final : public gpu::Event {
 public:
  StreamQueue* queue = nullptr;
  std::size_t position = 0;
  std::shared_ptr<Clock::time_point> time;
};
QueueEvent& of_queue(gpu::Event& e) { return static_cast<QueueEvent&>(e); }
class QueueGraph final : public gpu::Graph {
 public:
  std::vector<StreamQueue::Item> items;
  std::set<void*> begun;  // blocks that begin and do not end in it
};
StreamQueue& queue_of(gpu::Stream s) { return *static_cast<StreamQueue*>(s.handle); }

class EmulatedRuntime final : public gpu::Runtime {
 public:
  EmulatedRuntime() {
    struct sysinfo info {};
    sysinfo(&info);
    properties_.name = "emulated CUDA device";
    properties_.capability = 80;
    // Few, so that grid-stride loops turn more than once on small tensors.
    properties_.multiprocessors = 2;
    properties_.threads_per_multiprocessor = 1024;
    properties_.memory = std::size_t{info.totalram} * info.mem_unit;
    properties_.shared_per_block = shared_limit;
    properties_.large_shared_per_block = large_shared_limit;
  }
  const gpu::DeviceProperties& properties() const override { return properties_; }
  void resize(int multiprocessors, int threads_per_multiprocessor) {
    properties_.multiprocessors = multiprocessors;
    properties_.threads_per_multiprocessor = threads_per_multiprocessor;
  }

  void* allocate(std::size_t bytes, gpu::Lending lending) override {
    std::lock_guard lock(mutex);
    return device_memory().allocate(bytes, lending);
  }
  void free(void* p) noexcept override {
    std::lock_guard lock(mutex);
    not_while_recording("free", queues_[0]);  // ends the program: nobody could go on from here
    finish_quietly();
    device_memory().free(p);
  }
  void* allocate_pinned(std::size_t bytes) override {
    void* p = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!p) throw OutOfMemory("out of memory: asked for {} bytes of pinned memory", bytes);
    std::memset(p, 0xFF, bytes);
    return p;
  }
  void free_pinned(void* p) noexcept override {
    std::lock_guard lock(mutex);
    finish_quietly();
    std::free(p);
  }
  void block_begins(void* p, std::size_t bytes) noexcept override {
    std::lock_guard lock(mutex);
    if (recording_) recording_->begun.insert(p);
    push({&queues_[0]}, [p, bytes] { device_memory().begin_object(p, bytes); }, true);
  }
  void block_ends(void* p, std::size_t) noexcept override {
    std::lock_guard lock(mutex);
    const auto end = [p] { device_memory().end_object(p); };
    if (recording_ && recording_->begun.erase(p) == 0)
      queues_[0].push(end, true);  // of before the recording
    else
      push({&queues_[0]}, end, true);
  }
  std::size_t block_gap() const override { return 16; }

  gpu::Stream stream(gpu::StreamName name) override { return {&queues_[static_cast<std::size_t>(name)]}; }
  void copy_to_device(void* to, const void* from, std::size_t bytes, gpu::Stream stream) override {
    push(stream, [=] {
      check("copy_to_device", to, bytes);
      std::memcpy(to, from, bytes);
    });
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes, gpu::Stream stream) override {
    push(stream, [=] {
      check("copy_to_host", from, bytes);
      std::memcpy(to, from, bytes);
    });
  }
  void copy_on_device(void* to, const void* from, std::size_t bytes, gpu::Stream stream) override {
    push(stream, [=] {
      check("copy_on_device", from, bytes);
      check("copy_on_device", to, bytes);
      std::memmove(to, from, bytes);
    });
  }
  void set_bytes(void* to, unsigned char value, std::size_t bytes, gpu::Stream stream) override {
    push(stream, [=] {
      check("set_bytes", to, bytes);
      std::memset(to, value, bytes);
    });
  }

  void begin_recording() override {
    std::lock_guard lock(mutex);
    recording_ = std::make_unique<QueueGraph>();
  }
  std::unique_ptr<gpu::Graph> end_recording() override {
    std::lock_guard lock(mutex);
    return std::exchange(recording_, nullptr);
  }
  void abandon_recording() noexcept override {
    std::lock_guard lock(mutex);
    recording_ = nullptr;
  }
  void launch(gpu::Graph& graph, gpu::Stream stream) override {
    std::lock_guard lock(mutex);
    for (const StreamQueue::Item& item : static_cast<QueueGraph&>(graph).items)
      push(stream, item.work, item.bookkeeping);
  }

  std::unique_ptr<gpu::Event> make_event() override { return std::make_unique<QueueEvent>(); }
  void record(gpu::Event& event, gpu::Stream stream) override {
    std::lock_guard lock(mutex);
    not_while_recording("record", queue_of(stream));
    QueueEvent& e = of_queue(event);
    e.queue = &queue_of(stream);
    e.time = std::make_shared<Clock::time_point>();
    e.queue->push([time = e.time] { *time = Clock::now(); });
    e.position = e.queue->queued();
  }
  void wait(gpu::Stream stream, gpu::Event& event) override {
    const QueueEvent& e = of_queue(event);
    not_while_recording("wait", queue_of(stream));
    if (e.queue) push(stream, [queue = e.queue, position = e.position] { queue->run_until(position); });
  }
  bool has_happened(gpu::Event& event) override {
    std::lock_guard lock(mutex);
    const QueueEvent& e = of_queue(event);
    return !e.queue || e.queue->finished() >= e.position;
  }
  void synchronize(gpu::Event& event) override {
    const QueueEvent& e = of_queue(event);
    if (e.queue) finish([&] { e.queue->run_until(e.position); });
  }
  void synchronize(gpu::Stream stream) override {
    not_while_recording("synchronize", queue_of(stream));
    finish([&] { queue_of(stream).run(); });
  }
  void synchronize() override {
    not_while_recording("synchronize", queues_[0]);
    run_all();
  }
  double elapsed(gpu::Event& from, gpu::Event& to) override {
    synchronize(from);
    synchronize(to);
    return std::chrono::duration<double, std::milli>(*of_queue(to).time - *of_queue(from).time).count();
  }

  void push(gpu::Stream stream, std::function<void()> work, bool bookkeeping = false) {
    std::lock_guard lock(mutex);
    if (recording_ && &queue_of(stream) == &queues_[0])
      recording_->items.push_back({std::move(work), bookkeeping});
    else
      queue_of(stream).push(std::move(work), bookkeeping);
  }

  std::recursive_mutex mutex;

 private:
  static void check(const char* call, const void* p, std::size_t bytes) {
    const auto address = reinterpret_cast<std::uintptr_t>(p);
    if (bytes > 0 && device_memory().object_with(address, bytes).end == 0)
      throw KernelFault("{} of {} bytes: {}", call, bytes, device_memory().describe(address));
  }

  template <class F>
  void finish(F&& run) {
    std::lock_guard lock(mutex);
    if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
    try {
      run();
    } catch (...) {
      for (StreamQueue& q : queues_) q.drop();
      throw;
    }
  }
  // The driver's answer is an error, too.
  void not_while_recording(const char* call, const StreamQueue& queue) const {
    if (recording_ && &queue == &queues_[0])
      throw DeviceError("{}: the compute stream's work is being recorded, nobody can wait for it", call);
  }
  void run_all() {
    finish([&] {
      for (StreamQueue& q : queues_) q.run();
    });
  }
  // For callers that cannot throw: the next one who waits hears of it.
  void finish_quietly() noexcept {
    try {
      run_all();
    } catch (...) {
      fault_ = std::current_exception();
    }
  }

  gpu::DeviceProperties properties_;
  std::array<StreamQueue, 3> queues_;
  std::exception_ptr fault_;
  std::unique_ptr<QueueGraph> recording_;  // null: work is queued
};

EmulatedRuntime& runtime() {
  static auto* r = new EmulatedRuntime;
  return *r;
}

}  // namespace

gpu::Runtime& emulated_runtime() { return runtime(); }

DeviceSize::DeviceSize(int multiprocessors, int threads_per_multiprocessor)
    : multiprocessors_(runtime().properties().multiprocessors),
      threads_(runtime().properties().threads_per_multiprocessor) {
  runtime().resize(multiprocessors, threads_per_multiprocessor);
}

DeviceSize::~DeviceSize() { runtime().resize(multiprocessors_, threads_); }

void queue_launch(gpu::Stream stream, KernelLaunch launch) {
  runtime().push(stream, [l = std::move(launch)] { run(l); });
}

void StreamQueue::push(std::function<void()> work, bool bookkeeping) {
  items_.push_back({std::move(work), bookkeeping});
  ++queued_;
}

void StreamQueue::run_until(std::size_t position) {
  while (finished_ < position && !items_.empty()) {
    const Item item = std::move(items_.front());
    items_.pop_front();
    ++finished_;
    item.work();
  }
}

void StreamQueue::drop() {
  while (!items_.empty()) {
    const Item item = std::move(items_.front());
    items_.pop_front();
    ++finished_;
    if (item.bookkeeping) item.work();
  }
}

}  // namespace engine::emulator

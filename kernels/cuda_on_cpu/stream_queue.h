// Streams of the emulated device. Work is queued and runs only when somebody waits for it, as late as the rules of
// streams allow: a missing synchronisation, or host memory changed too early, shows as a wrong result each time.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>

#include "kernels/cuda/runtime.h"
#include "kernels/cuda_on_cpu/launch.h"

namespace engine::emulator {

class StreamQueue {
 public:
  /// Bookkeeping is done even when work is dropped because something before it failed.
  void push(std::function<void()> work, bool bookkeeping = false);
  /// Runs everything up to a position. Throws what the work throws; the failed item counts as run.
  void run_until(std::size_t position);
  void run() { run_until(queued_); }
  /// Runs the bookkeeping and forgets the rest.
  void drop();
  std::size_t queued() const { return queued_; }
  std::size_t finished() const { return finished_; }

  struct Item {
    std::function<void()> work;
    bool bookkeeping;
  };

 private:
  std::deque<Item> items_;
  std::size_t queued_ = 0, finished_ = 0;
};

/// Queues a launch on a stream of the emulated device.
void queue_launch(gpu::Stream stream, KernelLaunch launch);

}  // namespace engine::emulator

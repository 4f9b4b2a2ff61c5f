// Runs the threads of one block after the other, each until it waits; then others, until all have arrived.
//
// One fiber runs threads back to back in a plain loop for as long as none waits, so a kernel without barriers costs no
// switch at all. A barrier parks the fiber and jumps to the next thread that can run. A warp operation waits until all
// lanes of its mask are there; the last one computes every lane's result. Blocks run one after another, so a block must
// not wait for another one. One launch runs at a time, on the thread that synchronises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda_on_cpu/fault.h"
#include "kernels/cuda_on_cpu/fiber.h"
#include "kernels/cuda_on_cpu/launch.h"

namespace engine::emulator {

enum class BarrierResult : std::uint8_t { none, count, all, any };
enum class WarpOp : std::uint8_t { sync, index, up, down, exclusive_or, ballot };

class Scheduler {
 public:
  /// Runs all blocks; throws KernelFault.
  void run(const KernelLaunch& launch);

  // What the thread that runs now calls.
  bool begin_thread();
  void end_thread();
  int barrier(BarrierResult kind, bool predicate, SourceLine where);
  std::uint64_t warp_operation(WarpOp op, unsigned mask, std::uint64_t value, unsigned argument, unsigned width,
                               SourceLine where);
  /// Gives the launch up: this thread's stack is left as it is.
  [[noreturn]] void fail(const std::string& what);
  [[noreturn]] void fail_misaligned(const void* address, std::size_t bytes);

 private:
  enum class State : std::uint8_t { fresh, running, at_barrier, in_warp, done };
  struct Thread {
    uint3 index{};
    Fiber* fiber = nullptr;  // where it waits
    SourceLine where;
    std::uint64_t result = 0;
    State state = State::fresh;
  };
  struct WarpOperation {
    WarpOp op{};
    unsigned mask = 0, arrived = 0, width = 32;
    SourceLine where;
    std::uint64_t values[32];
    unsigned arguments[32];
  };
  struct Barrier {
    unsigned arrived = 0, predicates = 0;
    SourceLine where;
  };

  static void fiber_main();
  void run_block(uint3 index);
  [[noreturn]] void throw_fault(uint3 block, std::string what);
  std::string deadlock() const;
  std::string name_of_thread(unsigned thread) const;
  void shuffle_order();

  Fiber& idle_fiber();
  Fiber& next_fiber();
  void switch_to(Fiber& to);
  void wait(State state, SourceLine where);
  void resume(unsigned thread);

  WarpOperation& pending_operation(WarpOp op, unsigned mask, unsigned width, SourceLine where);
  void complete(WarpOperation& operation, unsigned warp);

  const KernelLaunch* launch_ = nullptr;
  unsigned count_ = 0, next_ = 0, done_ = 0, current_ = 0;
  std::vector<unsigned> order_, ready_;  // thread numbers; ready_ is first in, first out
  std::size_t ready_begin_ = 0;
  std::vector<Thread> threads_;
  std::vector<std::vector<WarpOperation>> warps_;  // unfinished operations of each warp
  Barrier barrier_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  Fiber* running_ = nullptr;
  Fiber* main_ = nullptr;
  std::string failure_;
  bool failed_ = false;
  std::mt19937_64 random_;
};

/// The one there is.
Scheduler& scheduler();

}  // namespace engine::emulator

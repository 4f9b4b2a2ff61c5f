#include "kernels/cuda_on_cpu/scheduler.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "kernels/cuda_on_cpu/builtins.h"
#include "kernels/cuda_on_cpu/checker.h"
#include "kernels/cuda_on_cpu/kernel_call.h"
#include "kernels/cuda_on_cpu/options.h"
#include "kernels/cuda_on_cpu/shared_memory.h"

namespace engine::emulator {

namespace language {
uint3 threadIdx{}, blockIdx{};
dim3 blockDim, gridDim;
}  // namespace language
using namespace language;

Scheduler& scheduler() {
  static auto* s = new Scheduler;  // its fibers' stacks outlive everything
  return *s;
}

bool begin_thread() { return scheduler().begin_thread(); }
void end_thread() { scheduler().end_thread(); }

void Scheduler::run(const KernelLaunch& launch) {
  Fiber main;
  main_ = running_ = &main;
  launch_ = &launch;
  const dim3 g = launch.grid, b = launch.block;
  count_ = b.x * b.y * b.z;
  blockDim = b;
  gridDim = g;
  threads_.assign(count_, {});
  warps_.resize((count_ + 31) / 32);
  order_.resize(count_);
  const ThreadOrder order = options().order;
  for (unsigned i = 0; i < count_; ++i) {
    threads_[i].index = {i % b.x, i / b.x % b.y, i / b.x / b.y};
    order_[i] = order == ThreadOrder::reverse ? count_ - 1 - i : i;
  }
  random_.seed(options().seed);
  checker::launch_begins(launch);
  const std::size_t blocks = std::size_t{g.x} * g.y * g.z;
  std::vector<std::size_t> block_order(blocks);
  std::iota(block_order.begin(), block_order.end(), std::size_t{0});
  if (order == ThreadOrder::reverse) std::reverse(block_order.begin(), block_order.end());
  if (order == ThreadOrder::random) std::shuffle(block_order.begin(), block_order.end(), random_);
  for (const std::size_t i : block_order) {
    run_block({static_cast<unsigned>(i % g.x), static_cast<unsigned>(i / g.x % g.y),
               static_cast<unsigned>(i / g.x / g.y)});
  }
  const std::string races = checker::launch_ends();
  if (!races.empty()) throw KernelFault("kernel {}: {}", launch.name, races);
}

void Scheduler::run_block(uint3 index) {
  blockIdx = index;
  next_ = done_ = 0;
  barrier_ = {};
  ready_.clear();
  ready_begin_ = 0;
  for (Thread& t : threads_) t.state = State::fresh;
  for (auto& operations : warps_) operations.clear();
  shuffle_order();
  checker::block_begins(index);
  shared_memory().begin_block(*launch_);
  while (next_ < count_ && !failed_) switch_to(idle_fiber());
  while (ready_begin_ < ready_.size() && !failed_) switch_to(*threads_[ready_[ready_begin_++]].fiber);
  if (failed_) throw_fault(index, failure_);
  if (done_ != count_) throw_fault(index, deadlock());
}

void Scheduler::throw_fault(uint3 block, std::string what) {
  checker::launch_ends();
  fibers_.clear();  // stacks of threads that will never end
  idle_.clear();
  failed_ = false;
  throw KernelFault("kernel {}, block ({},{},{}): {}", launch_->name, block.x, block.y, block.z, what);
}

std::string Scheduler::deadlock() const {
  unsigned waiting = 0, first = count_;
  for (unsigned i = 0; i < count_; ++i) {
    const bool waits = threads_[i].state == State::at_barrier || threads_[i].state == State::in_warp;
    waiting += waits;
    if (waits && first == count_) first = i;
  }
  return fmt::format("{} waits in {} at {} for threads that never come: {} wait, {} of {} have returned",
                     name_of_thread(first),
                     threads_[first].state == State::at_barrier ? "__syncthreads" : "a warp operation",
                     threads_[first].where.str(), waiting, done_, count_);
}

std::string Scheduler::name_of_thread(unsigned thread) const {
  const uint3 i = threads_[thread].index;
  return fmt::format("thread ({},{},{})", i.x, i.y, i.z);
}

void Scheduler::shuffle_order() {
  if (options().order == ThreadOrder::random) std::shuffle(order_.begin(), order_.end(), random_);
}

// ---- fibers -------------------------------------------------------------------------------------------------------

void Scheduler::fiber_main() {
  Fiber::entered();
  Scheduler& s = scheduler();
  for (;;) {
    s.launch_->run_threads(s.launch_->storage.get());
    s.idle_.push_back(s.running_);
    s.switch_to(s.ready_begin_ < s.ready_.size() ? *s.threads_[s.ready_[s.ready_begin_++]].fiber : *s.main_);
  }
}

Fiber& Scheduler::idle_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>(fiber_main));
    return *fibers_.back();
  }
  Fiber& f = *idle_.back();
  idle_.pop_back();
  return f;
}

// Where to go when the running thread waits: a thread not yet begun, one that can go on, or back to run_block.
Fiber& Scheduler::next_fiber() {
  if (next_ < count_) return idle_fiber();
  if (ready_begin_ < ready_.size()) return *threads_[ready_[ready_begin_++]].fiber;
  return *main_;
}

void Scheduler::switch_to(Fiber& to) {
  Fiber& from = *running_;
  if (&from == &to) return;
  running_ = &to;
  Fiber::switch_between(from, to);
}

void Scheduler::wait(State state, SourceLine where) {
  const unsigned self = current_;
  threads_[self].fiber = running_;
  threads_[self].state = state;
  threads_[self].where = where;
  switch_to(next_fiber());
  resume(self);
}

void Scheduler::resume(unsigned thread) {
  current_ = thread;
  threads_[thread].state = State::running;
  threadIdx = threads_[thread].index;
  checker::thread_runs(thread, running_->stack_begin(), running_->stack_end());
}

bool Scheduler::begin_thread() {
  if (next_ >= count_ || failed_) return false;
  resume(order_[next_++]);
  return true;
}

void Scheduler::end_thread() {
  checker::thread_stops();
  threads_[current_].state = State::done;
  ++done_;
}

void Scheduler::fail(const std::string& what) {
  checker::thread_stops();
  if (!failed_) failure_ = name_of_thread(current_) + " " + what;
  failed_ = true;
  switch_to(*main_);
  std::abort();  // nobody switches back to a thread that failed
}

void Scheduler::fail_misaligned(const void* address, std::size_t bytes) {
  checker::thread_stops();
  static std::string what;  // on the stack of a thread that fails nobody would free it
  what = fmt::format("accesses {} bytes at the address {}, which is no multiple", bytes, address);
  fail(what);
}

// ---- __syncthreads ------------------------------------------------------------------------------------------------

int Scheduler::barrier(BarrierResult kind, bool predicate, SourceLine where) {
  checker::thread_stops();
  if (barrier_.arrived == 0) {
    barrier_ = {0, 0, where};
  } else if (!(where == barrier_.where)) {
    fail(fmt::format("is at the barrier of {} while others wait at that of {}", where.str(), barrier_.where.str()));
  }
  barrier_.predicates += predicate;
  if (++barrier_.arrived == count_) {
    const unsigned n = barrier_.predicates;
    const unsigned result = kind == BarrierResult::count ? n : kind == BarrierResult::all ? n == count_ : n != 0;
    barrier_ = {};
    threads_[current_].state = State::at_barrier;
    if (ready_begin_ == ready_.size()) {
      ready_.clear();
      ready_begin_ = 0;
    }
    shuffle_order();
    checker::barrier_passed();
    for (const unsigned t : order_) {
      threads_[t].result = result;
      ready_.push_back(t);
    }
  }
  wait(State::at_barrier, where);
  return static_cast<int>(threads_[current_].result);
}

}  // namespace engine::emulator

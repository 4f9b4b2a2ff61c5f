#include "kernels/cuda_on_cpu/race_checker.h"

#ifdef ENGINE_EMULATOR_RACE

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/cuda_on_cpu/builtins.h"
#include "kernels/cuda_on_cpu/checker.h"
#include "kernels/cuda_on_cpu/device_memory.h"
#include "kernels/cuda_on_cpu/scheduler.h"
#include "kernels/cuda_on_cpu/shadow.h"
#include "kernels/cuda_on_cpu/source_of_pc.h"

extern "C" char __executable_start, _end;  // the program's own data; the linker's names

namespace engine::emulator::checker {
namespace {

constexpr std::size_t most_reports = 10;

std::uintptr_t number(const volatile void* p) { return reinterpret_cast<std::uintptr_t>(p); }

class Checker {
 public:
  Shadow shadow;
  std::uintptr_t stack_begin = 0, stack_end = 0;

  void begin_launch(const KernelLaunch& launch) {
    shadow.begin_launch();
    object_ = {};
    told_.clear();
    threads_ = launch.block.x * launch.block.y * launch.block.z;
    phase_ = 0;
    blocks_.clear();
    reports_.clear();
    reported_.clear();
  }
  std::string end_launch() { return fmt::format("{}", fmt::join(std::exchange(reports_, {}), "\n  ")); }

  void begin_block(uint3 index) {
    block_ = ++phase_;
    blocks_.push_back({block_, (index.z * language::gridDim.y + index.y) * language::gridDim.x + index.x});
    variables_.clear();
    fences_.assign(threads_, {});
    heard_.clear();
    clocks_.assign(std::size_t{threads_ + 31} / 32 * 32 * 32, 0);
    for (unsigned t = 0; t < threads_; ++t) clock(t, t % 32) = 1;
  }
  void declare(std::uintptr_t begin, std::uintptr_t end) { variables_.push_back({begin, end}); }
  void pass_barrier() { ++phase_; }
  void run_thread(unsigned thread) {
    thread_ = thread;
    now_ = {phase_, clock(thread, thread % 32), 0, static_cast<std::uint16_t>(thread)};
  }

  // Every lane of the mask now knows what each of them knew.
  void sync_warp(unsigned warp, unsigned mask) {
    std::uint32_t joined[32] = {};
    for_lanes(mask, [&](unsigned i) {
      for (unsigned k = 0; k < 32; ++k) joined[k] = std::max(joined[k], clock(warp * 32 + i, k));
    });
    for_lanes(mask, [&](unsigned i) {
      std::copy(joined, joined + 32, &clock(warp * 32 + i, 0));
      ++clock(warp * 32 + i, i);
    });
  }

  // What this block did before its last barrier is told by the thread's atomic updates from here on; what others told
  // by the word that it updated last is heard.
  void fenced() {
    Fence& f = fences_[thread_];
    f.phase = phase_;
    if (f.updated != 0) heard_.push_back({f.updated, phase_, thread_});
  }

  void access(std::uintptr_t address, std::size_t bytes, AccessKind kind, const void* pc) {
    if (address >= stack_begin && address + bytes <= stack_end) return;
    const bool shared = shadow.is_shared(address);
    if (!(shared ? declared(address, bytes) : on_device(address, bytes, kind))) return fault(address, bytes, kind, pc);
    if (!shared && object_.end == 0) return;  // the program's own data
    if (!shared && kind == AccessKind::atomic) updated(address);
    now_.pc = static_cast<std::uint32_t>(number(pc) - number(&__executable_start));
    now_.atomic = kind == AccessKind::atomic;
    for (std::uintptr_t a = address; a < address + bytes;) {
      Page& page = shared ? shadow.shared(a) : shadow.global(a);
      const std::uintptr_t end = std::min(address + bytes, (a / Page::bytes + 1) * Page::bytes);
      if ((a | end) % 4 != 0) page.split((a | end) % 2 == 0 ? 1 : 0);
      for (; a < end; a += std::uintptr_t{1} << page.log2_grain) check(page.cell(a), kind, shared);
    }
  }

 private:
  std::uint32_t& clock(unsigned t, unsigned lane) { return clocks_[std::size_t{t} * 32 + lane]; }

  template <class F>
  static void for_lanes(unsigned mask, F&& f) {
    for (unsigned i = 0; i < 32; ++i)
      if (mask >> i & 1) f(i);
  }

  bool declared(std::uintptr_t address, std::size_t bytes) const {
    for (const DeviceMemory::Range& v : variables_)
      if (v.holds(address, bytes)) return true;
    return false;
  }

  // Sets object_ to where the access falls; an empty one for the program's constants and the built-in variables.
  bool on_device(std::uintptr_t address, std::size_t bytes, AccessKind kind) {
    if (object_.holds(address, bytes) && object_.end != 0) return true;
    object_ = device_memory().object_with(address, bytes);
    if (object_.end != 0) return true;
    return kind == AccessKind::read && address >= number(&__executable_start) && address < number(&_end);
  }

  [[gnu::cold]] void fault(std::uintptr_t address, std::size_t bytes, AccessKind kind, const void* pc) {
    const std::string where = shadow.is_shared(address) ? "outside of any shared variable"
                                                        : device_memory().describe(address);
    scheduler().fail(fmt::format("{} {} bytes: {} at {}", kind == AccessKind::read ? "reads" : "writes", bytes, where,
                                 source_of_pc(pc)));
  }

  void updated(std::uintptr_t address) {
    Fence& f = fences_[thread_];
    f.updated = address;
    if (f.phase != 0) told_[address][block_] = f.phase;
  }

  struct Block {
    std::uint32_t first_phase, number;
  };
  const Block& block_of(const Access& a) const {
    return *std::prev(std::upper_bound(blocks_.begin(), blocks_.end(), a.phase,
                                       [](std::uint32_t phase, const Block& b) { return phase < b.first_phase; }));
  }

  // Did this thread hear of it, by itself or before a barrier?
  bool heard(const Access& before) const {
    return std::any_of(heard_.begin(), heard_.end(), [&](const Heard& h) {
      if (h.thread != thread_ && h.phase == phase_) return false;
      const auto word = told_.find(h.address);
      if (word == told_.end()) return false;
      const auto phase = word->second.find(block_of(before).first_phase);
      return phase != word->second.end() && before.phase < phase->second;
    });
  }

  // Shared memory is another one in each block.
  bool in_sight(const Access& before, bool shared) const { return before.phase >= (shared ? block_ : 1); }

  bool ordered(const Access& before, bool shared) {
    if (before.phase < block_) return !in_sight(before, shared) || heard(before);
    if (before.thread == thread_ || before.phase != phase_) return true;
    return before.thread / 32 == thread_ / 32 && before.clock <= clock(thread_, before.thread % 32);
  }

  void check(Cell& cell, AccessKind kind, bool shared) {
    const bool atomic = kind == AccessKind::atomic;
    if (shared && kind != AccessKind::write && !in_sight(cell.write, true)) uninitialised();
    if (!ordered(cell.write, shared) && !(atomic && cell.write.atomic)) race(cell.write, true, kind, shared);
    if (kind == AccessKind::read) return remember(cell);
    for (const Access& read : cell.reads)
      if (!ordered(read, shared) && !(atomic && read.atomic)) race(read, read.atomic, kind, shared);
    cell.write = now_;
    // A plain read may race with any of several atomic updates, not only the last.
    if (atomic)
      remember(cell);
    else
      cell.reads = {};
  }

  void remember(Cell& cell) const {
    const Access& last = cell.reads[0];
    if (last.phase < block_ || last.thread / 32 != thread_ / 32) {
      cell.reads[2] = last;
      cell.reads[1] = {};
    } else if (last.thread != thread_) {
      cell.reads[1] = last;
    }
    cell.reads[0] = now_;
  }

  static const void* pc_of(const Access& a) { return &__executable_start + a.pc; }

  std::string name_of(const Access& a) const {
    const unsigned x = language::blockDim.x, y = language::blockDim.y, gx = language::gridDim.x, gy = language::gridDim.y;
    const std::uint32_t block = block_of(a).number;
    return fmt::format("thread ({},{},{}) of block ({},{},{}) at {}", a.thread % x, a.thread / x % y, a.thread / x / y,
                       block % gx, block / gx % gy, block / gx / gy, source_of_pc(pc_of(a)));
  }

  [[gnu::cold]] void race(const Access& before, bool wrote, AccessKind kind, bool shared) {
    if (!reported_.emplace(pc_of(before), pc_of(now_)).second || reports_.size() >= most_reports) return;
    reports_.push_back(fmt::format("race on {} memory between {}: {} by {}, {} by {}", shared ? "shared" : "global",
                                   before.phase >= block_ ? "threads" : "blocks", wrote ? "write" : "read",
                                   name_of(before), kind == AccessKind::read ? "read" : "write", name_of(now_)));
  }
  [[gnu::cold]] void uninitialised() {
    if (!reported_.emplace(nullptr, pc_of(now_)).second || reports_.size() >= most_reports) return;
    reports_.push_back(fmt::format("shared memory read before it was written by {}", name_of(now_)));
  }

  struct Fence {
    std::uint32_t phase = 0;     // when it was; 0: never
    std::uintptr_t updated = 0;  // the word last updated atomically
  };
  struct Heard {
    std::uintptr_t address;
    std::uint32_t phase;
    unsigned thread;
  };

  unsigned threads_ = 0, thread_ = 0;
  std::uint32_t phase_ = 0, block_ = 0;  // block_: its first phase
  Access now_;
  std::vector<Block> blocks_;                    // in the order in which they ran
  std::vector<DeviceMemory::Range> variables_;  // of shared memory
  std::vector<Fence> fences_;                    // of each thread
  std::vector<Heard> heard_;                     // by this block
  // Of each word: which blocks told how much. Blocks run one after another, so all of it was told before.
  std::unordered_map<std::uintptr_t, std::unordered_map<std::uint32_t, std::uint32_t>> told_;
  std::vector<std::uint32_t> clocks_;  // per thread, what it knows of each lane of its warp
  DeviceMemory::Range object_;         // the one touched last
  std::vector<std::string> reports_;
  std::set<std::pair<const void*, const void*>> reported_;
};

Checker& checker() {
  static auto* c = new Checker;
  return *c;
}

// While a thread of a kernel runs: the callbacks are called by host code too, before anything of ours exists.
Checker* watching = nullptr;

}  // namespace

void access(const volatile void* address, std::size_t bytes, AccessKind kind, const void* pc) {
  if (!watching) return;
  Checker& c = *std::exchange(watching, nullptr);  // which may call functions that are instrumented
  c.access(number(address), bytes, kind, pc);
  watching = &c;
}

void misaligned(const volatile void* address, std::size_t bytes, const void* pc) {
  if (!std::exchange(watching, nullptr)) return;
  scheduler().fail(fmt::format("accesses {} bytes at the address {:#x}, which is no multiple, at {}", bytes,
                               number(address), source_of_pc(pc)));
}

void launch_begins(const KernelLaunch& launch) { checker().begin_launch(launch); }
std::string launch_ends() {
  watching = nullptr;
  return checker().end_launch();
}
void block_begins(uint3 index) { checker().begin_block(index); }
void thread_runs(unsigned thread, const char* stack_begin, const char* stack_end) {
  Checker& c = checker();
  c.stack_begin = number(stack_begin);
  c.stack_end = number(stack_end);
  c.run_thread(thread);
  watching = &c;
}
void thread_stops() { watching = nullptr; }
void barrier_passed() { checker().pass_barrier(); }
void fenced() {
  if (!watching) return;
  Checker& c = *std::exchange(watching, nullptr);
  c.fenced();
  watching = &c;
}
void warp_synced(unsigned warp, unsigned mask) { checker().sync_warp(warp, mask); }
void shared_arena(const char* begin, const char* end) { checker().shadow.set_shared(number(begin), number(end)); }
void shared_variable(const char* begin, const char* end) { checker().declare(number(begin), number(end)); }

}  // namespace engine::emulator::checker

#endif

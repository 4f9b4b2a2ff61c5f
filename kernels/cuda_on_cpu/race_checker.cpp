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
  std::uint32_t block = 0, epoch = 0;
  unsigned thread = 0;
  std::uintptr_t stack_begin = 0, stack_end = 0;

  void begin_launch(const KernelLaunch& launch) {
    shadow.begin_launch();
    object_ = {};
    told_.clear();
    threads_ = launch.block.x * launch.block.y * launch.block.z;
    reports_.clear();
    reported_.clear();
  }
  std::string end_launch() { return fmt::format("{}", fmt::join(std::exchange(reports_, {}), "\n  ")); }

  void begin_block(uint3 index) {
    block = (index.z * language::gridDim.y + index.y) * language::gridDim.x + index.x;
    epoch = 0;
    fences_.assign(threads_, {});
    heard_.clear();
    clocks_.assign(std::size_t{threads_ + 31} / 32 * 32 * 32, 0);
    for (unsigned t = 0; t < threads_; ++t) clock(t, t % 32) = 1;
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
    Fence& f = fences_[thread];
    f.barriers = epoch;
    f.is_there = true;
    if (f.updated != 0) heard_.push_back({f.updated, epoch, thread});
  }

  void access(std::uintptr_t address, std::size_t bytes, AccessKind kind, const void* pc) {
    if (address >= stack_begin && address + bytes <= stack_end) return;
    const bool shared = shadow.is_shared(address);
    if (!(shared ? declared(address, bytes) : on_device(address, bytes, kind))) return fault(address, bytes, kind, pc);
    if (!shared && object_.end == 0) return;  // the program's own data
    if (!shared && kind == AccessKind::atomic) updated(address);
    Access now{block, epoch, clock(thread, thread % 32), static_cast<std::uint16_t>(thread), kind == AccessKind::atomic,
               true, pc};
    for (std::uintptr_t a = address; a < address + bytes;) {
      Word& word = shared ? shadow.shared(a) : shadow.global(a);
      const std::uintptr_t end = std::min(address + bytes, a / 4 * 4 + 4);
      if (end - a < 4) shadow.split(word, a % 2 == 0 && end % 2 == 0 ? 2 : 1);
      for (; a < end; a += word.grain) check(word.bytes ? word.bytes[a % 4] : word.whole, now, kind, shared);
    }
  }

 private:
  std::uint32_t& clock(unsigned t, unsigned lane) { return clocks_[std::size_t{t} * 32 + lane]; }

  template <class F>
  static void for_lanes(unsigned mask, F&& f) {
    for (unsigned i = 0; i < 32; ++i)
      if (mask >> i & 1) f(i);
  }

  bool declared(std::uintptr_t address, std::size_t bytes) {
    for (std::uintptr_t a = address; a < address + bytes; ++a)
      if (!shadow.is_shared(a) || !(shadow.shared(a).declared >> a % 4 & 1)) return false;
    return true;
  }

  // Sets object_ to where the access falls; an empty one for the program's constants and the built-in variables.
  bool on_device(std::uintptr_t address, std::size_t bytes, AccessKind kind) {
    if (object_.holds(address, bytes) && object_.end != 0) return true;
    object_ = device_memory().object_with(address, bytes);
    if (object_.end != 0) return true;
    return kind == AccessKind::read && address >= number(&__executable_start) && address < number(&_end);
  }

  void fault(std::uintptr_t address, std::size_t bytes, AccessKind kind, const void* pc) {
    const std::string where = shadow.is_shared(address) ? "outside of any shared variable"
                                                        : device_memory().describe(address);
    scheduler().fail(fmt::format("{} {} bytes: {} at {}", kind == AccessKind::read ? "reads" : "writes", bytes, where,
                                 source_of_pc(pc)));
  }

  void updated(std::uintptr_t address) {
    Fence& f = fences_[thread];
    f.updated = address;
    if (f.is_there) told_[address][block] = f.barriers;
  }

  // Did this thread hear of it, by itself or before a barrier?
  bool heard(const Access& before) const {
    return std::any_of(heard_.begin(), heard_.end(), [&](const Heard& h) {
      if (h.thread != thread && h.epoch == epoch) return false;
      const auto word = told_.find(h.address);
      if (word == told_.end()) return false;
      const auto barriers = word->second.find(before.block);
      return barriers != word->second.end() && before.epoch < barriers->second;
    });
  }

  bool ordered(const Access& before) {
    if (!before.valid) return true;
    if (before.block != block) return heard(before);
    if (before.thread == thread || before.epoch != epoch) return true;
    return before.thread / 32 == thread / 32 && before.clock <= clock(thread, before.thread % 32);
  }

  void check(Cell& cell, const Access& now, AccessKind kind, bool shared) {
    const bool atomic = kind == AccessKind::atomic;
    if (shared && kind != AccessKind::write && !cell.write.valid) uninitialised(now);
    if (!ordered(cell.write) && !(atomic && cell.write.atomic)) race(cell.write, true, now, kind, shared);
    if (kind == AccessKind::read) return remember(cell, now);
    for (const Access& read : cell.reads)
      if (!ordered(read) && !(atomic && read.atomic)) race(read, read.atomic, now, kind, shared);
    cell.write = now;
    // A plain read may race with any of several atomic updates, not only the last.
    if (atomic)
      remember(cell, now);
    else
      cell.reads = {};
  }

  static bool same_warp(const Access& a, const Access& b) { return a.block == b.block && a.thread / 32 == b.thread / 32; }

  static void remember(Cell& cell, const Access& now) {
    const Access last = cell.reads[0];
    if (last.valid && !same_warp(last, now)) {
      cell.reads[2] = last;
      cell.reads[1] = {};
    } else if (last.valid && last.thread != now.thread) {
      cell.reads[1] = last;
    }
    cell.reads[0] = now;
  }

  std::string name_of(const Access& a) const {
    const unsigned x = language::blockDim.x, y = language::blockDim.y, gx = language::gridDim.x, gy = language::gridDim.y;
    return fmt::format("thread ({},{},{}) of block ({},{},{}) at {}", a.thread % x, a.thread / x % y, a.thread / x / y,
                       a.block % gx, a.block / gx % gy, a.block / gx / gy, source_of_pc(a.pc));
  }

  void race(const Access& before, bool wrote, const Access& now, AccessKind kind, bool shared) {
    if (!reported_.emplace(before.pc, now.pc).second || reports_.size() >= most_reports) return;
    reports_.push_back(fmt::format("race on {} memory between {}: {} by {}, {} by {}", shared ? "shared" : "global",
                                   before.block == now.block ? "threads" : "blocks", wrote ? "write" : "read",
                                   name_of(before), kind == AccessKind::read ? "read" : "write", name_of(now)));
  }
  void uninitialised(const Access& now) {
    if (!reported_.emplace(nullptr, now.pc).second || reports_.size() >= most_reports) return;
    reports_.push_back(fmt::format("shared memory read before it was written by {}", name_of(now)));
  }

  struct Fence {
    std::uint32_t barriers = 0;  // that the block had passed
    bool is_there = false;
    std::uintptr_t updated = 0;  // the word last updated atomically
  };
  struct Heard {
    std::uintptr_t address;
    std::uint32_t epoch;
    unsigned thread;
  };

  unsigned threads_ = 0;
  std::vector<Fence> fences_;  // of each thread
  std::vector<Heard> heard_;   // by this block
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

// The callbacks are called by host code too, before anything of ours exists.
bool running = false;

}  // namespace

void access(const volatile void* address, std::size_t bytes, AccessKind kind, const void* pc) {
  if (!running) return;
  running = false;  // the checker itself may call functions that are instrumented
  checker().access(number(address), bytes, kind, pc);
  running = true;
}

void aligned_access(const volatile void* address, std::size_t bytes, AccessKind kind, const void* pc) {
  if (!running) return;
  if (number(address) % bytes != 0) {
    running = false;
    scheduler().fail(fmt::format("accesses {} bytes at the address {:#x}, which is no multiple, at {}", bytes,
                                 number(address), source_of_pc(pc)));
  }
  access(address, bytes, kind, pc);
}

void launch_begins(const KernelLaunch& launch) { checker().begin_launch(launch); }
std::string launch_ends() {
  running = false;
  return checker().end_launch();
}
void block_begins(uint3 index) { checker().begin_block(index); }
void thread_runs(unsigned thread, const char* stack_begin, const char* stack_end) {
  Checker& c = checker();
  c.thread = thread;
  c.stack_begin = number(stack_begin);
  c.stack_end = number(stack_end);
  running = true;
}
void thread_stops() { running = false; }
void barrier_passed() { ++checker().epoch; }
void fenced() {
  if (!running) return;
  running = false;
  checker().fenced();
  running = true;
}
void warp_synced(unsigned warp, unsigned mask) { checker().sync_warp(warp, mask); }
void shared_arena(const char* begin, const char* end) { checker().shadow.set_shared(number(begin), number(end)); }
void shared_cleared(const char* begin, const char* end) { checker().shadow.clear_shared(number(begin), number(end)); }
void shared_variable(const char* begin, const char* end) {
  for (std::uintptr_t a = number(begin); a < number(end); ++a)
    checker().shadow.shared(a).declared |= static_cast<std::uint8_t>(1u << a % 4);
}

}  // namespace engine::emulator::checker

#endif

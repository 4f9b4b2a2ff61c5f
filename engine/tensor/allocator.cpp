#include "engine/tensor/allocator.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <set>
#include <unordered_map>

#include "engine/tensor/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define ENGINE_POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define ENGINE_UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define ENGINE_POISON(p, n) (void)0
#define ENGINE_UNPOISON(p, n) (void)0
#endif

namespace engine {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t small_segment = std::size_t{2} << 20;   // shared by requests up to small_limit
constexpr std::size_t small_limit = std::size_t{256} << 10;
constexpr std::size_t large_segment = std::size_t{16} << 20;  // granularity of the rest

std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

// Twice the machine's memory, in whole huge pages: as far as one range may grow.
std::size_t address_room() {
  const auto pages = static_cast<std::size_t>(std::max(1L, sysconf(_SC_PHYS_PAGES)));
  return round_up(2 * pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), huge_page);
}

class HostMemory final : public RawMemory {
 public:
  ~HostMemory() override {
    for (const auto& [end, r] : ranges_) munmap(r.reserved, r.reserved_bytes);
  }
  void* allocate(std::size_t bytes) override {
    bytes = round_up(bytes, huge_page);
    // Small ranges never grow. Where addresses are rationed (ulimit -v), large ones do without, too.
    if (bytes > small_segment)
      if (void* p = reserve(bytes, std::max(address_room(), bytes))) return p;
    if (void* p = reserve(bytes, bytes)) return p;
    throw std::bad_alloc();
  }
  void deallocate(void* p, std::size_t bytes) noexcept override {
    const auto it = ranges_.find(static_cast<char*>(p) + round_up(bytes, huge_page));
    if (it == ranges_.end()) std::abort();  // not one of ours
    ENGINE_UNPOISON(p, bytes);
    munmap(it->second.reserved, it->second.reserved_bytes);
    ranges_.erase(it);
  }
  void* extend(void* end, std::size_t bytes) override {
    const auto it = ranges_.find(static_cast<char*>(end));
    if (it == ranges_.end()) return nullptr;
    const Range r = it->second;
    char* const new_end = it->first + round_up(bytes, huge_page);
    if (new_end > static_cast<char*>(r.reserved) + r.reserved_bytes || !commit(it->first, new_end)) return nullptr;
    ranges_.erase(it);
    ranges_.emplace(new_end, r);
    return end;
  }
  void handed_out([[maybe_unused]] void* p, [[maybe_unused]] std::size_t bytes) noexcept override {
    ENGINE_UNPOISON(p, bytes);
  }
  void given_back([[maybe_unused]] void* p, [[maybe_unused]] std::size_t bytes) noexcept override {
    ENGINE_POISON(p, bytes);
  }

 private:
  struct Range {
    void* reserved;
    std::size_t reserved_bytes;
  };

  static bool commit(char* begin, char* end) {
    const auto bytes = static_cast<std::size_t>(end - begin);
    if (mprotect(begin, bytes, PROT_READ | PROT_WRITE) != 0) return false;
    madvise(begin, bytes, MADV_HUGEPAGE);
    ENGINE_POISON(begin, bytes);
    return true;
  }
  void* reserve(std::size_t bytes, std::size_t room) {
    room += huge_page;  // to align
    void* reserved = mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) return nullptr;
    char* const begin = reinterpret_cast<char*>(round_up(reinterpret_cast<std::size_t>(reserved), huge_page));
    if (!commit(begin, begin + bytes)) {
      munmap(reserved, room);
      return nullptr;
    }
    ranges_.emplace(begin + bytes, Range{reserved, room});
    return begin;
  }

  std::unordered_map<char*, Range> ranges_;  // by the end of what may be used
};

struct Block {
  char* begin;
  std::size_t size;
  std::size_t used = 0;  // bytes counted in the statistics; 0 = free
  bool small = false;    // lives in a small segment
  bool recorded = false;  // lives in a segment of recorded work
  Block *previous = nullptr, *next = nullptr;  // neighbours inside the segment
};

struct BySize {
  bool operator()(const Block* a, const Block* b) const {
    return a->size != b->size ? a->size < b->size : a->begin < b->begin;
  }
};

}  // namespace

std::unique_ptr<RawMemory> make_host_memory() { return std::make_unique<HostMemory>(); }

struct CachingAllocator::Impl {
  std::unique_ptr<RawMemory> raw;
  mutable std::mutex mutex;
  std::set<Block*, BySize> free_small, free_large, recorded_small, recorded_large;
  std::unordered_map<void*, Block*> live;
  MemoryStats stats;
  std::size_t limit = 0;  // of stats.reserved; 0: none
  Block* last = nullptr;  // of the segment of large blocks that grows
  bool recording = false;
  int recordings = 0;

  std::set<Block*, BySize>& pool(bool small, bool recorded) {
    if (recorded) return small ? recorded_small : recorded_large;
    return small ? free_small : free_large;
  }

  bool within_limit(std::size_t more) const { return limit == 0 || stats.reserved + more <= limit; }
  // Null where there is none.
  void* from_system(std::size_t bytes) {
    if (!within_limit(bytes)) return nullptr;
    try {
      return raw->allocate(bytes);
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

  Block* new_segment(std::size_t size, bool small) {
    const std::size_t bytes = small ? small_segment : round_up(size, size < large_segment ? large_segment : huge_page);
    void* p = from_system(bytes);
    if (!p && !recording) {  // giving memory back waits for the device, which a recording must not
      release_free_segments();
      p = from_system(bytes);
    }
    if (!p) {
      const std::string allowed = limit == 0 ? "" : fmt::format(", limit {}", limit);
      throw OutOfMemory("out of memory: asked for {} bytes with {} in use (peak {}, reserved {}{})", size,
                        stats.current, stats.peak, stats.reserved, allowed);
    }
    stats.reserved += bytes;
    auto* b = new Block{static_cast<char*>(p), bytes};
    b->small = small;
    b->recorded = recording;
    if (!small && !recording) last = b;
    return b;
  }

  // A free block of `size` at the end of the segment that grows; null where it does not.
  Block* grow(std::size_t size) {
    if (!last) return nullptr;
    const bool joins = last->used == 0;
    const std::size_t wanted = joins ? size - last->size : size;  // a free last block was too small
    const std::size_t bytes = round_up(wanted, wanted < large_segment ? large_segment : huge_page);
    if (!within_limit(bytes)) return nullptr;
    char* const p = static_cast<char*>(raw->extend(last->begin + last->size, bytes));
    if (!p) return nullptr;
    stats.reserved += bytes;
    auto* b = new Block{p, bytes};
    b->previous = last;
    last->next = b;
    last = b;
    if (!joins) return b;
    b = b->previous;
    free_large.erase(b);
    absorb_next(b);
    return b;
  }

  void release_free_segments() {
    release_free_segments(free_small);
    release_free_segments(free_large);
    if (recordings > 0) return;
    release_free_segments(recorded_small);
    release_free_segments(recorded_large);
  }
  void release_free_segments(std::set<Block*, BySize>& free) {
    for (auto it = free.begin(); it != free.end();) {
      Block* b = *it;
      if (b->previous || b->next) {
        ++it;
        continue;
      }
      it = free.erase(it);
      if (b == last) last = nullptr;
      raw->deallocate(b->begin, b->size);
      stats.reserved -= b->size;
      delete b;
    }
  }

  void absorb_next(Block* b) {
    Block* n = b->next;
    if (n == last) last = b;
    b->size += n->size;
    b->next = n->next;
    if (b->next) b->next->previous = b;
    delete n;
  }
};

CachingAllocator::CachingAllocator(std::unique_ptr<RawMemory> raw) : impl_(std::make_unique<Impl>()) {
  impl_->raw = std::move(raw);
}

CachingAllocator::~CachingAllocator() {
  trim();
}

void* CachingAllocator::allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  if (bytes > (std::size_t{1} << 48)) throw OutOfMemory("out of memory: asked for {} bytes at once", bytes);
  const std::size_t size = round_up(bytes + impl_->raw->gap(), alignment);
  const bool small = size <= small_limit;
  std::lock_guard lock(impl_->mutex);
  auto& pool = impl_->pool(small, impl_->recording);
  Block key{nullptr, size};
  Block* b;
  if (auto it = pool.lower_bound(&key); it != pool.end()) {
    b = *it;
    pool.erase(it);
  } else {
    b = small || impl_->recording ? nullptr : impl_->grow(size);
    if (!b) b = impl_->new_segment(size, small);
  }
  // A rest too small for a request of its pool would only fragment it.
  if (b->size - size >= (small ? alignment : small_limit)) {
    auto* rest = new Block{b->begin + size, b->size - size};
    rest->small = small;
    rest->recorded = b->recorded;
    rest->previous = b;
    rest->next = b->next;
    if (b->next) b->next->previous = rest;
    b->next = rest;
    b->size = size;
    if (b == impl_->last) impl_->last = rest;
    pool.insert(rest);
  }
  b->used = b->size;
  impl_->live.emplace(b->begin, b);
  impl_->stats.current += b->used;
  impl_->stats.peak = std::max(impl_->stats.peak, impl_->stats.current);
  impl_->raw->handed_out(b->begin, bytes);
  return b->begin;
}

void CachingAllocator::deallocate(void* p) noexcept {
  if (!p) return;
  std::lock_guard lock(impl_->mutex);
  const auto it = impl_->live.find(p);
  if (it == impl_->live.end()) std::abort();  // not ours, or given back twice: memory is already corrupt
  Block* b = it->second;
  impl_->live.erase(it);
  impl_->stats.current -= b->used;
  b->used = 0;
  impl_->raw->given_back(b->begin, b->size);
  auto& pool = impl_->pool(b->small, b->recorded);
  if (b->next && b->next->used == 0) {
    pool.erase(b->next);
    impl_->absorb_next(b);
  }
  if (b->previous && b->previous->used == 0) {
    b = b->previous;
    pool.erase(b);
    impl_->absorb_next(b);
  }
  pool.insert(b);
}

void CachingAllocator::set_limit(std::size_t bytes) {
  std::lock_guard lock(impl_->mutex);
  impl_->limit = bytes;
}

MemoryStats CachingAllocator::stats() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

void CachingAllocator::reset_peak() {
  std::lock_guard lock(impl_->mutex);
  impl_->stats.peak = impl_->stats.current;
}

void CachingAllocator::trim() {
  std::lock_guard lock(impl_->mutex);
  impl_->release_free_segments();
}

void CachingAllocator::begin_recording() {
  std::lock_guard lock(impl_->mutex);
  impl_->recording = true;
  ++impl_->recordings;
}

void CachingAllocator::end_recording() {
  std::lock_guard lock(impl_->mutex);
  impl_->recording = false;
}

void CachingAllocator::drop_recording() {
  std::lock_guard lock(impl_->mutex);
  --impl_->recordings;
}

CachingAllocator& host_allocator() {
  static auto* allocator = new CachingAllocator(make_host_memory());  // outlives every static tensor
  return *allocator;
}

}  // namespace engine

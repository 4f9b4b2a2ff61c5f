#include "engine/tensor/allocator.h"

#include <sys/mman.h>

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

class HostMemory final : public RawMemory {
 public:
  void* allocate(std::size_t bytes) override {
    void* p = std::aligned_alloc(huge_page, round_up(bytes, huge_page));
    if (!p) throw std::bad_alloc();
    madvise(p, bytes, MADV_HUGEPAGE);
    ENGINE_POISON(p, bytes);
    return p;
  }
  void deallocate(void* p, [[maybe_unused]] std::size_t bytes) noexcept override {
    ENGINE_UNPOISON(p, bytes);
    std::free(p);
  }
  void handed_out([[maybe_unused]] void* p, [[maybe_unused]] std::size_t bytes) noexcept override {
    ENGINE_UNPOISON(p, bytes);
  }
  void given_back([[maybe_unused]] void* p, [[maybe_unused]] std::size_t bytes) noexcept override {
    ENGINE_POISON(p, bytes);
  }
};

struct Block {
  char* begin;
  std::size_t size;
  std::size_t used = 0;  // bytes counted in the statistics; 0 = free
  bool small = false;    // lives in a small segment
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
  std::set<Block*, BySize> free_small, free_large;
  std::unordered_map<void*, Block*> live;
  MemoryStats stats;

  std::set<Block*, BySize>& pool(bool small) { return small ? free_small : free_large; }

  Block* new_segment(std::size_t size, bool small) {
    const std::size_t bytes = small ? small_segment : round_up(size, size < large_segment ? large_segment : huge_page);
    void* p;
    try {
      p = raw->allocate(bytes);
    } catch (const std::bad_alloc&) {
      release_free_segments();
      try {
        p = raw->allocate(bytes);
      } catch (const std::bad_alloc&) {
        throw Error("out of memory: asked for {} bytes with {} in use (peak {}, reserved {})", size, stats.current,
                    stats.peak, stats.reserved);
      }
    }
    stats.reserved += bytes;
    auto* b = new Block{static_cast<char*>(p), bytes};
    b->small = small;
    return b;
  }

  void release_free_segments() {
    for (auto* set : {&free_small, &free_large}) {
      for (auto it = set->begin(); it != set->end();) {
        Block* b = *it;
        if (b->previous || b->next) {
          ++it;
          continue;
        }
        it = set->erase(it);
        raw->deallocate(b->begin, b->size);
        stats.reserved -= b->size;
        delete b;
      }
    }
  }

  void absorb_next(Block* b) {
    Block* n = b->next;
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
  if (bytes > (std::size_t{1} << 48)) throw Error("out of memory: asked for {} bytes at once", bytes);
  const std::size_t size = round_up(bytes + impl_->raw->gap(), alignment);
  const bool small = size <= small_limit;
  std::lock_guard lock(impl_->mutex);
  auto& pool = impl_->pool(small);
  Block key{nullptr, size};
  Block* b;
  if (auto it = pool.lower_bound(&key); it != pool.end()) {
    b = *it;
    pool.erase(it);
  } else {
    b = impl_->new_segment(size, small);
  }
  // A rest too small for a request of its pool would only fragment it.
  if (b->size - size >= (small ? alignment : small_limit)) {
    auto* rest = new Block{b->begin + size, b->size - size};
    rest->small = small;
    rest->previous = b;
    rest->next = b->next;
    if (b->next) b->next->previous = rest;
    b->next = rest;
    b->size = size;
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
  auto& pool = impl_->pool(b->small);
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

CachingAllocator& host_allocator() {
  static auto* allocator = new CachingAllocator(make_host_memory());  // outlives every static tensor
  return *allocator;
}

}  // namespace engine

// Memory of one device. A caching allocator keeps freed blocks, because a training step asks for the same
// sizes again and again and the system's answer (page faults, cudaMalloc) is slow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace engine {

struct MemoryStats {
  std::size_t current = 0;   ///< bytes handed out now
  std::size_t peak = 0;      ///< most bytes handed out at once since the last reset_peak()
  std::size_t reserved = 0;  ///< bytes held from the system
};

/// Source of raw memory: the system's for a host, the driver's for a GPU.
class RawMemory {
 public:
  virtual ~RawMemory() = default;
  /// At least `bytes`, aligned to 64; throws std::bad_alloc.
  virtual void* allocate(std::size_t bytes) = 0;
  /// `bytes` is all that lies behind p: what allocate() gave and what extend() added.
  virtual void deallocate(void* p, std::size_t bytes) noexcept = 0;
  /// At least `bytes` right behind `end`, where a range from allocate() ends; null where that cannot be had.
  virtual void* extend([[maybe_unused]] void* end, [[maybe_unused]] std::size_t bytes) { return nullptr; }
  /// A piece of what allocate() gave goes to an owner, and comes back: for sources that check accesses.
  virtual void handed_out(void*, std::size_t) noexcept {}
  virtual void given_back(void*, std::size_t) noexcept {}
  /// Bytes kept unused behind each piece, so that an access beyond its end does not land in the next one.
  virtual std::size_t gap() const { return 0; }
};

/// Host memory with huge pages where the system gives them. Ranges can grow: addresses are reserved ahead, memory is not.
std::unique_ptr<RawMemory> make_host_memory();

/// Best-fit allocator over large segments, with splitting and coalescing. The last segment of large blocks grows where
/// the source can do that, so that freed neighbours join whatever their sizes were. Thread-safe.
class CachingAllocator {
 public:
  explicit CachingAllocator(std::unique_ptr<RawMemory> raw);
  ~CachingAllocator();
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;

  /// Memory for `bytes` (64-byte aligned, contents undefined); nullptr for 0. Throws OutOfMemory naming the request,
  /// what is in use and the peak when memory runs out.
  void* allocate(std::size_t bytes);
  /// Gives a block back. `p` comes from allocate() and is given back once.
  void deallocate(void* p) noexcept;
  /// Most bytes to hold from the system; 0: as many as it gives. What is held already stays.
  void set_limit(std::size_t bytes);
  MemoryStats stats() const;
  void reset_peak();
  /// Returns wholly free segments to the system.
  void trim();

  /// Recorded work (Backend::begin_recording) uses the same addresses each time it runs. From begin to end blocks come
  /// from segments of their own, which go to nobody else before drop_recording() was called for each recording.
  void begin_recording();
  void end_recording();
  void drop_recording();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The allocator behind host tensors (devices `cpu` and `reference`).
CachingAllocator& host_allocator();

}  // namespace engine

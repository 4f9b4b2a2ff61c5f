// The thin layer between the backend and the driver: memory, copies, streams, events. No CUDA header, so that the
// emulated device implements it too (kernels/cuda_on_cpu/runtime_emulated.h).
//
// Work given to a stream runs in order; work in different streams is ordered only by events. A GPU may run work at
// once, the emulated device runs nothing before somebody waits for it: code must be right for both. All functions
// throw DeviceFault naming the call that failed; a kernel's fault is thrown by a later call that waits.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace engine::gpu {

struct DeviceProperties {
  std::string name;
  int capability = 0;       ///< 80 is compute capability 8.0
  int multiprocessors = 0;
  int threads_per_multiprocessor = 0;
  std::size_t memory = 0;   ///< bytes
  std::size_t shared_per_block = 0, large_shared_per_block = 0;  ///< bytes, by default and after opting in
  double bytes_per_second = 0;  ///< peak of the memory; 0 where unknown
  std::size_t cache = 0;        ///< bytes of the last cache before it; 0 where unknown
  int clock_mhz = 0;            ///< highest of the multiprocessors; 0 where unknown
  std::string driver;           ///< "CUDA 13.0"; empty where there is none
};

/// A queue of work: a cudaStream_t, or the emulated device's queue.
struct Stream {
  void* handle = nullptr;
};
enum class StreamName { compute, upload, download };

/// A point in a stream.
class Event {
 public:
  virtual ~Event() = default;
};

/// Work that was written down instead of run: a CUDA graph.
class Graph {
 public:
  virtual ~Graph() = default;
};

/// whole: the bytes are one object. in_blocks: a caching allocator hands out pieces and tells of each.
enum class Lending { whole, in_blocks };

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual const DeviceProperties& properties() const = 0;

  /// Device memory, aligned to 256 bytes; contents undefined. Throws std::bad_alloc where there is none left.
  virtual void* allocate(std::size_t bytes, Lending lending = Lending::whole) = 0;
  /// Waits for all work first. Not while work is being written down.
  virtual void free(void* p) noexcept = 0;
  /// Page-locked host memory: copies from and to it run beside the host's work. Throws OutOfMemory.
  virtual void* allocate_pinned(std::size_t bytes) = 0;
  /// Waits for all work first.
  virtual void free_pinned(void* p) noexcept = 0;
  /// A block of memory lent in_blocks begins and ends its life, in the order of the compute stream. Only a device that
  /// checks accesses listens.
  virtual void block_begins(void*, std::size_t) noexcept {}
  virtual void block_ends(void*, std::size_t) noexcept {}
  /// Bytes to leave unused between blocks.
  virtual std::size_t block_gap() const { return 0; }

  virtual Stream stream(StreamName name) = 0;
  /// Host memory given to a copy must live, unchanged, until the copy has run: until its stream or an event behind it
  /// was waited for. (The driver copies pageable memory aside before it returns; nothing here relies on that.)
  virtual void copy_to_device(void* to, const void* from, std::size_t bytes, Stream stream) = 0;
  virtual void copy_to_host(void* to, const void* from, std::size_t bytes, Stream stream) = 0;
  virtual void copy_on_device(void* to, const void* from, std::size_t bytes, Stream stream) = 0;
  virtual void set_bytes(void* to, unsigned char value, std::size_t bytes, Stream stream) = 0;

  /// From here to end_recording(), work given to the compute stream is written down instead of run. Nobody may wait for
  /// the stream meanwhile, nor order others by it.
  virtual void begin_recording() = 0;
  /// What was written down, ready to run. Throws OutOfMemory where the device has no room for it; it has ended then, too.
  virtual std::unique_ptr<Graph> end_recording() = 0;
  /// Ends a recording and forgets it.
  virtual void abandon_recording() noexcept = 0;
  /// Queues the whole graph. It lives until it has run.
  virtual void launch(Graph& graph, Stream stream) = 0;

  virtual std::unique_ptr<Event> make_event() = 0;
  virtual void record(Event& event, Stream stream) = 0;
  /// Work given to `stream` from now on runs after the event. One that was never recorded has happened.
  virtual void wait(Stream stream, Event& event) = 0;
  virtual bool has_happened(Event& event) = 0;
  virtual void synchronize(Event& event) = 0;
  virtual void synchronize(Stream stream) = 0;
  virtual void synchronize() = 0;
  /// Milliseconds of device time between two recorded events; waits for both.
  virtual double elapsed(Event& from, Event& to) = 0;
};

}  // namespace engine::gpu

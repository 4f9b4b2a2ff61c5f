// What race mode remembers of memory: for each word, who touched it last.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace engine::emulator {

/// One load or store of one thread.
struct Access {
  std::uint32_t block = 0;  ///< number in the grid
  std::uint32_t epoch = 0;  ///< barriers its block had passed
  std::uint32_t clock = 0;  ///< its own count of __syncwarp
  std::uint16_t thread = 0;
  bool atomic = false, valid = false;
  const void* pc = nullptr;
};

/// The last write and three reads after it: the latest, the latest of another lane of that one's warp, and the latest
/// of another warp. A later write that races with any read races with one of these, but for rare mask patterns.
struct Cell {
  Access write;
  std::array<Access, 3> reads;
};

/// Four bytes of memory. Whole until a thread touches a half or a byte of it.
struct Word {
  Cell whole;
  Cell* bytes = nullptr;       // four of them once it is split; of halves, the first of each two counts
  std::uint8_t grain = 4;      // bytes that share a cell
  std::uint8_t declared = 0;  // of shared memory: which bytes belong to a variable
};

class Shadow {
 public:
  /// Everything known of global memory is from launches before, which are ordered: forgotten.
  void begin_launch();
  Word& global(std::uintptr_t address);

  void set_shared(std::uintptr_t begin, std::uintptr_t end);
  bool is_shared(std::uintptr_t address) const { return address >= shared_begin_ && address < shared_end_; }
  Word& shared(std::uintptr_t address) { return shared_[(address - shared_begin_) / 4]; }
  void clear_shared(std::uintptr_t begin, std::uintptr_t end);

  /// Splits a word into cells of at most `grain` bytes, 1 or 2.
  void split(Word& word, std::uint8_t grain);

 private:
  static constexpr std::uintptr_t page_bytes = 4096;
  struct Page {
    std::uint64_t launch = 0;
    std::array<Word, page_bytes / 4> words;
  };
  std::uint64_t launch_ = 1;
  std::unordered_map<std::uintptr_t, std::unique_ptr<Page>> pages_;
  std::uintptr_t last_number_ = 0;
  Page* last_ = nullptr;
  std::uintptr_t shared_begin_ = 0, shared_end_ = 0;
  std::vector<Word> shared_;
  std::deque<std::array<Cell, 4>> split_;
  std::size_t split_used_ = 0;
};

}  // namespace engine::emulator

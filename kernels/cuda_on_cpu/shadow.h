// What race mode remembers of memory: for each word, who touched it last.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace engine::emulator {

/// One load or store of one thread. Its size is most of race mode's time: a cell of four fills a cache line.
struct Access {
  std::uint32_t phase = 0;  ///< counts the launch's blocks and their barriers, from 1; 0: nobody
  std::uint32_t clock = 0;  ///< its own count of __syncwarp
  std::uint32_t pc = 0;     ///< from the program's first byte on
  std::uint16_t thread = 0;
  bool atomic = false;
};

/// The last write and three reads after it: the latest, the latest of another lane of that one's warp, and the latest
/// of another warp. A later write that races with any read races with one of these, but for rare mask patterns.
struct alignas(64) Cell {
  Access write;
  std::array<Access, 3> reads;
};

/// A cell for each word, or for each half or byte once a thread has touched a part of a word here.
struct Page {
  static constexpr std::uintptr_t bytes = 1024;
  std::uint64_t launch = 0;
  unsigned log2_grain = 2;  ///< of the bytes that share a cell
  std::vector<Cell> cells;

  Cell& cell(std::uintptr_t address) { return cells[address % bytes >> log2_grain]; }
  void split(unsigned finer);
};

class Shadow {
 public:
  /// Everything known is from launches before, which are ordered: forgotten.
  void begin_launch();
  Page& global(std::uintptr_t address);

  void set_shared(std::uintptr_t begin, std::uintptr_t end);
  bool is_shared(std::uintptr_t address) const { return address >= shared_begin_ && address < shared_end_; }
  Page& shared(std::uintptr_t address) {
    return of_this_launch(shared_[address / Page::bytes - shared_begin_ / Page::bytes]);
  }

 private:
  Page& of_this_launch(Page& page);

  struct Recent {
    std::uintptr_t number = 0;
    Page* page = nullptr;
  };
  std::uint64_t launch_ = 0;
  std::unordered_map<std::uintptr_t, Page> pages_;
  std::array<Recent, 64> recent_{};  // of pages_, which is slow
  std::uintptr_t shared_begin_ = 0, shared_end_ = 0;
  std::vector<Page> shared_;
};

inline Page& Shadow::of_this_launch(Page& page) {
  if (page.launch != launch_) {
    page.cells.assign(Page::bytes / 4, {});
    page.log2_grain = 2;
    page.launch = launch_;
  }
  return page;
}

inline Page& Shadow::global(std::uintptr_t address) {
  const std::uintptr_t number = address / Page::bytes;
  Recent& recent = recent_[number % recent_.size()];
  if (recent.number != number) recent = {number, &pages_[number]};
  return of_this_launch(*recent.page);
}

}  // namespace engine::emulator

#include "kernels/cuda_on_cpu/shadow.h"

#include <algorithm>

namespace engine::emulator {
namespace {

constexpr std::size_t most_pages = 4096;  // 16 MiB of memory, about 500 MiB of shadow

}  // namespace

void Shadow::begin_launch() {
  ++launch_;
  last_ = nullptr;
  split_used_ = 0;
  if (pages_.size() > most_pages) pages_.clear();
}

Word& Shadow::global(std::uintptr_t address) {
  const std::uintptr_t number = address / page_bytes;
  if (!last_ || number != last_number_) {
    auto& page = pages_[number];
    if (!page) page = std::make_unique<Page>();
    if (page->launch != launch_) {
      page->words.fill({});
      page->launch = launch_;
    }
    last_ = page.get();
    last_number_ = number;
  }
  return last_->words[address % page_bytes / 4];
}

void Shadow::set_shared(std::uintptr_t begin, std::uintptr_t end) {
  shared_begin_ = begin;
  shared_end_ = end;
  shared_.assign((end - begin) / 4, {});
}

void Shadow::clear_shared(std::uintptr_t begin, std::uintptr_t end) {
  const auto first = static_cast<std::ptrdiff_t>((begin - shared_begin_) / 4);
  const auto last = static_cast<std::ptrdiff_t>((end - shared_begin_ + 3) / 4);
  std::fill(shared_.begin() + first, shared_.begin() + last, Word{});
}

void Shadow::split(Word& word, std::uint8_t grain) {
  if (word.grain <= grain) return;
  if (!word.bytes) {
    if (split_used_ == split_.size()) split_.emplace_back();
    auto& cells = split_[split_used_++];
    cells.fill(word.whole);
    word.bytes = cells.data();
  } else {  // halves
    word.bytes[1] = word.bytes[0];
    word.bytes[3] = word.bytes[2];
  }
  word.grain = grain;
}

}  // namespace engine::emulator

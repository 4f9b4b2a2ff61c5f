#include "kernels/cuda_on_cpu/shadow.h"

namespace engine::emulator {
namespace {

constexpr std::size_t most_pages = 16384;  // 16 MiB of memory; 256 MiB of shadow, of bytes four times that

}  // namespace

void Page::split(unsigned finer) {
  if (log2_grain <= finer) return;
  std::vector<Cell> parts(bytes >> finer);
  for (std::uintptr_t i = 0; i < parts.size(); ++i) parts[i] = cell(i << finer);
  cells = std::move(parts);
  log2_grain = finer;
}

void Shadow::begin_launch() {
  ++launch_;
  if (pages_.size() <= most_pages) return;
  pages_.clear();
  recent_ = {};
}

void Shadow::set_shared(std::uintptr_t begin, std::uintptr_t end) {
  shared_begin_ = begin;
  shared_end_ = end;
  shared_.resize((end - begin + Page::bytes - 1) / Page::bytes);
}

}  // namespace engine::emulator

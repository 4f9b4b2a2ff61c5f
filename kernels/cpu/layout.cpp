#include "kernels/cpu/layout.h"

#include <cstring>

#include "kernels/cpu/parallel.h"

namespace engine::cpu {
namespace {

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

std::int64_t plane_of(const Shape& s) { return s.numel() == 0 ? 0 : s.numel() / (s[0] * s[1]); }

// One (image, channel block) at a time: `filled` channels of a plain [C][plane] become [plane][block] and back.
template <class T>
void pack(const T* from, T* to, std::int64_t plane, std::int64_t filled, std::int64_t block) {
  for (std::int64_t i = 0; i < plane; ++i) {
    for (std::int64_t c = 0; c < filled; ++c) to[i * block + c] = from[c * plane + i];
    for (std::int64_t c = filled; c < block; ++c) to[i * block + c] = T{};
  }
}
template <class T>
void unpack(const T* from, T* to, std::int64_t plane, std::int64_t filled, std::int64_t block) {
  for (std::int64_t c = 0; c < filled; ++c)
    for (std::int64_t i = 0; i < plane; ++i) to[c * plane + i] = from[i * block + c];
}

template <class T>
void convert(const Tensor& x, const Tensor& y, std::int64_t block, bool packing) {
  const std::int64_t n = x.dim(0), c = x.dim(1), plane = plane_of(x.shape());
  const std::int64_t blocks = round_up(c, block) / block;
  const T* from = static_cast<const T*>(x.raw());
  T* to = static_cast<T*>(y.raw());
  parallel_for(n * blocks, std::max<std::int64_t>(1, elementwise_grain / (plane * block + 1)), [&](auto begin, auto end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / blocks, b = i % blocks;
      const std::int64_t at_plain = (image * c + b * block) * plane, at_blocked = i * plane * block;
      const std::int64_t filled = std::min(block, c - b * block);
      if (packing)
        pack(from + at_plain, to + at_blocked, plane, filled, block);
      else
        unpack(from + at_blocked, to + at_plain, plane, filled, block);
    }
  });
}

void convert_any(const Tensor& x, const Tensor& y, std::int64_t block, bool packing) {
  switch (size_of(x.dtype())) {
    case 1: return convert<std::uint8_t>(x, y, block, packing);
    case 2: return convert<std::uint16_t>(x, y, block, packing);
    case 4: return convert<std::uint32_t>(x, y, block, packing);
    default: return convert<std::uint64_t>(x, y, block, packing);
  }
}

}  // namespace

int channel_block() {
  static const int block = __builtin_cpu_supports("avx512f") ? 16 : 8;
  return block;
}

int block_of(const Tensor& x) {
  return x.plain() ? 1 : static_cast<const BlockedLayout&>(*x.layout()).block();
}

bool same_layout(const Tensor& a, const Tensor& b) { return block_of(a) == block_of(b); }

std::int64_t padded_channels(const Tensor& x) { return round_up(x.dim(1), block_of(x)); }

std::int64_t physical_numel(const Tensor& x) {
  return x.plain() || x.numel() == 0 ? x.numel() : x.numel() / x.dim(1) * padded_channels(x);
}

Tensor empty(const Shape& shape, DType dtype) { return Tensor(shape, dtype, Device::cpu); }

Tensor empty_blocked(const Shape& shape, int block, DType dtype) {
  if (block == 1) return empty(shape, dtype);
  if (shape.rank() != 4) throw UsageError("blocked layout needs [N,C,H,W], found {}", shape.str());
  const std::size_t bytes = static_cast<std::size_t>(shape.with(1, round_up(shape[1], block)).numel()) * size_of(dtype);
  return Tensor(shape, dtype, Device::cpu, std::make_shared<Storage>(allocator_of(Device::cpu), bytes),
                std::make_shared<BlockedLayout>(block));
}

Tensor empty_like(const Tensor& x, const Shape& shape, DType dtype) { return empty_blocked(shape, block_of(x), dtype); }
Tensor empty_like(const Tensor& x) { return empty_like(x, x.shape(), x.dtype()); }

Tensor plain(const Tensor& x) {
  if (x.plain()) return x;
  Tensor y = empty(x.shape(), x.dtype());
  convert_any(x, y, block_of(x), false);
  return y;
}

Tensor blocked(const Tensor& x, int block) {
  if (block_of(x) == block) return x;
  if (block == 1) return plain(x);
  const Tensor from = plain(x);
  Tensor y = empty_blocked(x.shape(), block, x.dtype());
  convert_any(from, y, block, true);
  return y;
}

Tensor in_layout_of(const Tensor& x, const Tensor& like) { return blocked(x, block_of(like)); }

}  // namespace engine::cpu

// Physical layouts of the CPU backend: plain row-major, or nChw{B}c as oneDNN's convolutions want it.
#pragma once

#include "engine/tensor/tensor.h"

namespace engine::cpu {

/// [N][ceil(C/B)][H][W][B]. Channels beyond C are padding and always hold zero.
class BlockedLayout final : public Layout {
 public:
  explicit BlockedLayout(int block) : block_(block) {}
  std::string name() const override { return fmt::format("nChw{}c", block_); }
  int block() const { return block_; }

 private:
  int block_;
};

/// Channels in one vector register of this machine's widest supported instruction set: 16 (AVX-512) or 8.
int channel_block();

/// Block size of x's layout, 1 for plain.
int block_of(const Tensor& x);
bool same_layout(const Tensor& a, const Tensor& b);
/// Channels including padding.
std::int64_t padded_channels(const Tensor& x);
/// Elements including padding: the length of x's memory.
std::int64_t physical_numel(const Tensor& x);

/// Uninitialised tensors.
Tensor empty(const Shape& shape, DType dtype = DType::f32);
Tensor empty_blocked(const Shape& shape, int block, DType dtype = DType::f32);
/// Same layout (and element type unless given) as x, another shape of rank 4 or the same shape.
Tensor empty_like(const Tensor& x, const Shape& shape, DType dtype);
Tensor empty_like(const Tensor& x);

/// x in the layout asked for; x itself if it is in it already.
Tensor plain(const Tensor& x);
Tensor blocked(const Tensor& x, int block);
Tensor in_layout_of(const Tensor& x, const Tensor& like);

}  // namespace engine::cpu

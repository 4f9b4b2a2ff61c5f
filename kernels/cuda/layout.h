// Physical layouts of the CUDA backend: plain row-major, or channels-last [N, H, W, C] as tensor cores and coalesced
// loads over channels want it. Activations stay in it from operation to operation.
#pragma once

#include <vector>

#include "kernels/cuda/context.h"
#include "kernels/cuda/namespace.h"

namespace engine::ENGINE_CUDA_NS {

using gpu::Context;

class ChannelsLast final : public Layout {
 public:
  std::string name() const override { return "nhwc"; }
};

/// Whether x is in channels-last layout. Never where both orders are the same memory (one channel, or one pixel):
/// such a tensor counts as plain, so that layouts compare by this alone.
inline bool channels_last(const Tensor& x) { return !x.plain(); }
/// Whether a tensor of this shape has a channels-last layout of its own.
bool has_channels_last(const Shape& shape);
inline bool same_layout(const Tensor& a, const Tensor& b) { return channels_last(a) == channels_last(b); }
/// Extents from outermost to innermost in memory.
std::vector<std::int64_t> physical_dims(const Tensor& x);

/// How far apart neighbours along each dimension of the shape lie in memory, in elements.
std::vector<std::int64_t> memory_strides(const Tensor& x);

/// Uninitialised tensors. empty_channels_last: memory is [N, H, W, C] whatever the shape; a plain tensor where that is
/// the same.
Tensor empty(Context& c, const Shape& shape, DType dtype);
Tensor empty_channels_last(Context& c, const Shape& shape, DType dtype);
/// In the layout of x (as far as the shape has one).
Tensor empty_like(Context& c, const Tensor& x, const Shape& shape, DType dtype);
Tensor empty_like(Context& c, const Tensor& x);

/// x in the layout asked for; x itself if it is in it already. Memory of to_channels_last is [N, H, W, C].
Tensor to_plain(Context& c, const Tensor& x);
Tensor to_channels_last(Context& c, const Tensor& x);
Tensor in_layout_of(Context& c, const Tensor& x, const Tensor& like);

/// from [batch, rows, columns] -> to [batch, columns, rows], elements of `dtype`.
void transpose_matrices(Context& c, DType dtype, const void* from, void* to, std::int64_t batch, std::int64_t rows,
                        std::int64_t columns);

}  // namespace engine::ENGINE_CUDA_NS

// Movement of elements between host and tensor, layouts and types: the operations of ops.def's first section.
#pragma once

#include "kernels/cuda/layout.h"  // to_plain is there

namespace engine::ENGINE_CUDA_NS {

Tensor from_host(Context& c, const void* host, const Shape& shape, DType dtype);
void to_host(Context& c, const Tensor& x, void* host);
Tensor clone(Context& c, const Tensor& x);
Tensor cast(Context& c, const Tensor& x, DType dtype);
std::vector<Tensor> cast_all(Context& c, const std::vector<Tensor>& xs, DType dtype);
/// x's numbers into y, of the same layout and another type.
void cast_into(Context& c, const Tensor& x, const Tensor& y);
void fill_(Context& c, const Tensor& x, double value);
void copy_(Context& c, const Tensor& dst, const Tensor& src);
bool has_nonfinite(Context& c, const Tensor& x);

/// Tells whoever derived something from x's contents that they changed.
inline void mark_written(const Tensor& x) {
  if (x.defined()) ++x.storage()->version;
}

}  // namespace engine::ENGINE_CUDA_NS

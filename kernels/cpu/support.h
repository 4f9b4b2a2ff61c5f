// Small things that many operations of the CPU backend need.
#pragma once

#include <string_view>

#include "kernels/cpu/layout.h"

namespace engine::cpu {

/// Throws UsageError naming op and tensor unless x holds f32, the only type the CPU backend computes in.
inline void require_f32(std::string_view op, const Tensor& x) {
  if (x.dtype() != DType::f32) throw UsageError("{} on device cpu computes in f32, found {}", op, x.str());
}

/// Whether x's last channel block is partly padding.
inline bool has_padding(const Tensor& x) { return !x.plain() && x.dim(1) % block_of(x) != 0; }
/// Sets the padding channels of a blocked tensor to zero; nothing to do for a plain one.
void zero_padding(const Tensor& x);

/// Shape of x's memory: its own, or [N, ceil(C/B), H, W, B].
std::vector<std::int64_t> physical_dims(const Tensor& x);

/// Tells whoever derived something from x's contents that they changed.
inline void mark_written(const Tensor& x) {
  if (x.defined()) ++x.storage()->version;
}

/// Calls f(a type of the given size: u8, u16, u32 or u64), for code that only moves elements.
template <class F>
decltype(auto) with_element(DType dtype, F&& f) {
  switch (size_of(dtype)) {
    case 1: return f(std::uint8_t{});
    case 2: return f(std::uint16_t{});
    case 4: return f(std::uint32_t{});
    default: return f(std::uint64_t{});
  }
}

}  // namespace engine::cpu

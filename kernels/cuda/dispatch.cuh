// From a tensor's element type to a template argument.
#pragma once

#include <string_view>

#include "kernels/cuda/numbers.cuh"

namespace engine::ENGINE_CUDA_NS {

/// Calls f(T{}) for the types that the backend computes in: float, f16, bf16. Throws UsageError for others.
template <class F>
decltype(auto) with_floating(std::string_view op, const Tensor& x, F&& f) {
  switch (x.dtype()) {
    case DType::f32: return f(float{});
    case DType::f16: return f(f16{});
    case DType::bf16: return f(bf16{});
    default: throw UsageError("{} on device {} computes in f32, f16 and bf16, found {}", op, name_of(x.device()), x.str());
  }
}

/// Calls f(T{}) for any element type.
template <class F>
decltype(auto) with_any(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
    case DType::f16: return f(f16{});
    case DType::bf16: return f(bf16{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: return f(std::int64_t{});
    default: return f(std::uint8_t{});
  }
}

/// Calls f(an unsigned integer of the element's size), for kernels that only move elements.
template <class F>
decltype(auto) with_bits(DType dtype, F&& f) {
  switch (size_of(dtype)) {
    case 1: return f(std::uint8_t{});
    case 2: return f(std::uint16_t{});
    case 4: return f(std::uint32_t{});
    default: return f(std::uint64_t{});
  }
}

/// Device address of a tensor as T, which the caller has matched to its type.
template <class T>
T* pointer(const Tensor& x) {
  return static_cast<T*>(x.raw());
}

}  // namespace engine::ENGINE_CUDA_NS

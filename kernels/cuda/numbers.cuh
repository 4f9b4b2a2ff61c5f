// Element types as kernels see them, their conversions, and 16-byte vectors of them.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/cuda/language.cuh"
#ifndef __CUDACC__
#include "engine/tensor/half.h"
#endif

namespace engine::ENGINE_CUDA_NS {

/// The 16-bit floating types are for storage: arithmetic is done in float.
struct f16 {
  std::uint16_t bits;
};
struct bf16 {
  std::uint16_t bits;
};

#ifdef __CUDACC__
__device__ __forceinline__ float number(f16 v) { return __half2float(__ushort_as_half(v.bits)); }
__device__ __forceinline__ float number(bf16 v) { return __bfloat162float(__ushort_as_bfloat16(v.bits)); }
__device__ __forceinline__ f16 round_to_f16(float v) { return {__half_as_ushort(__float2half_rn(v))}; }
__device__ __forceinline__ bf16 round_to_bf16(float v) { return {__bfloat16_as_ushort(__float2bfloat16_rn(v))}; }
#else
inline float number(f16 v) { return f32_from_f16(v.bits); }
inline float number(bf16 v) { return f32_from_bf16(v.bits); }
inline f16 round_to_f16(float v) { return {f16_from_f32(v)}; }
inline bf16 round_to_bf16(float v) { return {bf16_from_f32(v)}; }
#endif
/// The number a stored element stands for: float for the 16-bit types, itself otherwise.
template <class T>
__device__ __forceinline__ T number(T v) {
  return v;
}

/// A number as an element of type To: rounded to nearest even; to integers truncated, clamped to their range, NaN as 0.
template <class To, class From>
__device__ __forceinline__ To stored(From v) {
  if constexpr (std::is_same_v<To, f16>) {
    return round_to_f16(static_cast<float>(v));
  } else if constexpr (std::is_same_v<To, bf16>) {
    return round_to_bf16(static_cast<float>(v));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // 2^digits itself is exact in every floating type; the largest integer need not be.
    constexpr To highest = std::numeric_limits<To>::max(), lowest = std::numeric_limits<To>::min();
    constexpr From above = static_cast<From>(highest / 2 + 1) * From{2};
    return v != v ? To{0} : v >= above ? highest : v <= static_cast<From>(lowest) ? lowest : static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

/// N elements that one instruction moves; N * sizeof(T) is 16 where speed matters.
template <class T, int N>
struct alignas(N * sizeof(T)) Vec {
  T v[N];
};
/// p, which must be a multiple of what it points to: a GPU faults where it is not, and so does the emulated one.
template <class V>
__device__ __forceinline__ V* aligned_place(V* p) {
#ifndef __CUDACC__
  if (reinterpret_cast<std::uintptr_t>(p) % sizeof(V) != 0) emulator::scheduler().fail_misaligned(p, sizeof(V));
#endif
  return p;
}
/// Vector number i of an array whose address is a multiple of the vector's size.
template <int N, class T>
__device__ __forceinline__ Vec<T, N> load(const T* p, std::int64_t i) {
  return *aligned_place(reinterpret_cast<const Vec<T, N>*>(p) + i);
}
template <int N, class T>
__device__ __forceinline__ void store(T* p, std::int64_t i, const Vec<T, N>& v) {
  *aligned_place(reinterpret_cast<Vec<T, N>*>(p) + i) = v;
}

/// This thread's number in a one-dimensional grid, and the grid's number of threads.
__device__ __forceinline__ std::int64_t global_thread() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ std::int64_t global_threads() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

}  // namespace engine::ENGINE_CUDA_NS

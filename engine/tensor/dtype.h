// Element types and devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace engine {

enum class DType : std::uint8_t { f32, f16, bf16, f64, i32, i64, u8 };

/// Bytes of one element.
constexpr std::size_t size_of(DType t) {
  switch (t) {
    case DType::f64: case DType::i64: return 8;
    case DType::f32: case DType::i32: return 4;
    case DType::f16: case DType::bf16: return 2;
    case DType::u8: return 1;
  }
  return 0;
}
constexpr bool is_floating(DType t) {
  return t == DType::f32 || t == DType::f16 || t == DType::bf16 || t == DType::f64;
}
constexpr std::string_view name_of(DType t) {
  constexpr std::string_view names[] = {"f32", "f16", "bf16", "f64", "i32", "i64", "u8"};
  return names[static_cast<int>(t)];
}

/// The element type of this name, or none.
constexpr std::optional<DType> dtype_named(std::string_view name) {
  for (const DType t : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i32, DType::i64, DType::u8})
    if (name_of(t) == name) return t;
  return std::nullopt;
}

template <class T> struct DTypeOf;
template <> struct DTypeOf<float> { static constexpr DType value = DType::f32; };
template <> struct DTypeOf<double> { static constexpr DType value = DType::f64; };
template <> struct DTypeOf<std::int32_t> { static constexpr DType value = DType::i32; };
template <> struct DTypeOf<std::int64_t> { static constexpr DType value = DType::i64; };
template <> struct DTypeOf<std::uint8_t> { static constexpr DType value = DType::u8; };
template <class T> inline constexpr DType dtype_of = DTypeOf<T>::value;

/// Where a tensor's bytes live and which backend computes on them. cuda_emulated runs the CUDA kernels' own source on
/// the CPU (kernels/cuda_on_cpu).
enum class Device : std::uint8_t { cpu, reference, cuda, cuda_emulated };
inline constexpr int device_count = 4;
constexpr std::string_view name_of(Device d) {
  constexpr std::string_view names[] = {"cpu", "reference", "cuda", "cuda-emulated"};
  return names[static_cast<int>(d)];
}
/// The device of this name, or none.
constexpr std::optional<Device> device_named(std::string_view name) {
  for (int i = 0; i < device_count; ++i)
    if (name_of(static_cast<Device>(i)) == name) return static_cast<Device>(i);
  return std::nullopt;
}

}  // namespace engine

#include "kernels/cpu/movement_loops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "engine/tensor/half.h"
#include "engine/tensor/multiversion.h"

namespace engine::cpu {
namespace {

struct Half {
  std::uint16_t bits;
};
struct BFloat {
  std::uint16_t bits;
};

template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
    case DType::f16: return f(Half{});
    case DType::bf16: return f(BFloat{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: return f(std::int64_t{});
    default: return f(std::uint8_t{});
  }
}

// The number a stored element stands for.
template <class T>
T number(T v) { return v; }
float number(Half v) { return f32_from_f16(v.bits); }
float number(BFloat v) { return f32_from_bf16(v.bits); }

template <class To, class From>
To stored(From v) {
  if constexpr (std::is_same_v<To, Half>) {
    return {f16_from_f32(static_cast<float>(v))};
  } else if constexpr (std::is_same_v<To, BFloat>) {
    return {bf16_from_f32(static_cast<float>(v))};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Beyond the range a plain cast would be undefined. 2^digits itself is exact in every floating type.
    constexpr From above = static_cast<From>(std::numeric_limits<To>::max() / 2 + 1) * From{2};
    if (v != v) return 0;
    if (v >= above) return std::numeric_limits<To>::max();
    if (v <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    return static_cast<To>(v);
  } else {
    return static_cast<To>(v);
  }
}

// Bits of the exponent: all set in NaN and infinity.
ENGINE_MULTIVERSION
bool scan32(const std::uint32_t* x, std::int64_t n) {
  std::uint32_t found = 0;
  for (std::int64_t i = 0; i < n; ++i) found |= (x[i] & 0x7F800000u) == 0x7F800000u;
  return found != 0;
}
template <class U>
bool scan(const void* from, std::int64_t n, U mask) {
  const U* x = static_cast<const U*>(from);
  return std::any_of(x, x + n, [mask](U bits) { return (bits & mask) == mask; });
}

}  // namespace

void convert(DType from_type, const void* from, DType to_type, void* to, std::int64_t n) {
  with_type(from_type, [&](auto from_sample) {
    with_type(to_type, [&](auto to_sample) {
      using From = decltype(from_sample);
      using To = decltype(to_sample);
      std::transform(static_cast<const From*>(from), static_cast<const From*>(from) + n, static_cast<To*>(to),
                     [](From v) { return stored<To>(number(v)); });
    });
  });
}

void fill(DType dtype, void* to, double value, std::int64_t n) {
  with_type(dtype, [&](auto sample) {
    using T = decltype(sample);
    std::fill_n(static_cast<T*>(to), n, stored<T>(value));
  });
}

bool any_nonfinite(DType dtype, const void* from, std::int64_t n) {
  switch (dtype) {
    case DType::f32: return scan32(static_cast<const std::uint32_t*>(from), n);
    case DType::f16: return scan<std::uint16_t>(from, n, 0x7C00);
    case DType::bf16: return scan<std::uint16_t>(from, n, 0x7F80);
    case DType::f64: return scan<std::uint64_t>(from, n, 0x7FF0000000000000u);
    default: return false;
  }
}

}  // namespace engine::cpu

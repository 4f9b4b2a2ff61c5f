// Division by a number that the host knows: a multiplication and a shift on the device instead of some twenty
// instructions (Granlund and Montgomery, "Division by invariant integers using multiplication", PLDI 1994).
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/cuda/namespace.h"

#ifdef __CUDACC__
#define ENGINE_HOST_DEVICE __host__ __device__
#else
#define ENGINE_HOST_DEVICE
#endif

namespace engine::ENGINE_CUDA_NS {

template <class Index>
struct QuotientRemainder {
  Index quotient, remainder;
};

template <class Index>
struct Divisor;

/// For dividends below 2^31.
template <>
struct Divisor<std::uint32_t> {
  std::uint32_t divisor = 1, magic = 1, shift = 0;

  Divisor() = default;
  explicit Divisor(std::uint32_t d) : divisor(d), shift(static_cast<std::uint32_t>(std::bit_width(d - 1))) {
    magic = static_cast<std::uint32_t>((((std::uint64_t{1} << shift) - d) << 32) / d + 1);
  }
  ENGINE_HOST_DEVICE QuotientRemainder<std::uint32_t> operator()(std::uint32_t n) const {
    const std::uint32_t high = static_cast<std::uint32_t>((static_cast<std::uint64_t>(n) * magic) >> 32);
    const std::uint32_t q = (high + n) >> shift;
    return {q, n - q * divisor};
  }
};

template <>
struct Divisor<std::uint64_t> {
  std::uint64_t divisor = 1;

  Divisor() = default;
  explicit Divisor(std::uint64_t d) : divisor(d) {}
  ENGINE_HOST_DEVICE QuotientRemainder<std::uint64_t> operator()(std::uint64_t n) const {
    return {n / divisor, n % divisor};
  }
};

}  // namespace engine::ENGINE_CUDA_NS

// Whether a number survives a conversion: C++ leaves it open what an integer becomes of NaN or of 1e300.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

namespace engine {

/// Whether T has this number, fractions cut off. Floating types have all: they round, and infinity stands for the rest.
template <class T, class From>
bool holds(From value) {
  if constexpr (std::is_floating_point_v<T>) {
    return true;
  } else if constexpr (std::is_floating_point_v<From>) {
    const From end = std::ldexp(From{1}, std::numeric_limits<T>::digits);
    return value < end && (std::is_signed_v<T> ? value >= -end : value > From{-1});
  } else {
    return std::in_range<T>(value);
  }
}

}  // namespace engine

// The sign of a decomposition's vectors, for backends that compute on the host.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/tensor/conventions.h"

namespace engine {

/// 1, or -1 where the vector v[0], v[stride], ... of n components has to be turned (conventions.h, "Vectors").
template <class T>
T orientation(const T* v, std::int64_t n, std::int64_t stride = 1) {
  T largest = 0;
  for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(v[i * stride]));
  for (std::int64_t i = 0; i < n; ++i)
    if (std::abs(v[i * stride]) >= static_cast<T>(conventions::leading_component) * largest)
      return v[i * stride] < T{0} ? T{-1} : T{1};
  return T{1};
}

}  // namespace engine

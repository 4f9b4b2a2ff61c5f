// Kernels over maps: from a thread's number to its place.
#pragma once

#include <type_traits>

#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/divisor.h"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/maps.h"

namespace engine::ENGINE_CUDA_NS {

struct Place {
  int image, y, x, vector;
};

/// Finds the place of vector number i of maps [images][height][width][vectors].
struct VectorGrid {
  Divisor<std::uint32_t> height, width, vectors;
  __device__ __forceinline__ Place operator()(std::uint32_t i) const {
    const auto [pixel, vector] = vectors(i);
    const auto [row, x] = width(pixel);
    const auto [image, y] = height(row);
    return {static_cast<int>(image), static_cast<int>(y), static_cast<int>(x), static_cast<int>(vector)};
  }
};

/// Positions [begin, end) of a line.
struct Range {
  int begin, end;
};

template <int V, class T>
__device__ __forceinline__ void add_vector(float (&sum)[V], const Vec<T, V>& v, float weight) {
#pragma unroll
  for (int k = 0; k < V; ++k) sum[k] = fmaf(weight, number(v.v[k]), sum[k]);
}
template <class T, int V>
__device__ __forceinline__ Vec<T, V> stored_vector(const float (&v)[V], float divisor = 1.0f) {
  Vec<T, V> result;
#pragma unroll
  for (int k = 0; k < V; ++k) result.v[k] = stored<T>(v[k] / divisor);
  return result;
}

/// Calls launch_one(vector length as a constant, grid of `to`, vectors of it, element where `from` begins, element
/// where `to` begins) as often as 32-bit numbers need. `aligned`: all addresses are multiples of 16.
template <class T, class F>
void gather(const MapView& from, const MapView& to, bool aligned, F&& launch_one) {
  for_image_ranges(from, to, [&](std::int64_t images, std::int64_t at_from, std::int64_t at_to) {
    const auto with = [&](auto vector) {
      constexpr int v = vector();
      const VectorGrid grid{Divisor<std::uint32_t>(static_cast<std::uint32_t>(to.height)),
                            Divisor<std::uint32_t>(static_cast<std::uint32_t>(to.width)),
                            Divisor<std::uint32_t>(static_cast<std::uint32_t>(to.channels / v))};
      launch_one(vector, grid, static_cast<std::uint32_t>(images * to.image_size() / v), at_from, at_to);
    };
    constexpr int most = static_cast<int>(16 / sizeof(T));
    if (aligned && to.channels % most == 0)
      with(std::integral_constant<int, most>{});
    else
      with(std::integral_constant<int, 1>{});
  });
}

}  // namespace engine::ENGINE_CUDA_NS

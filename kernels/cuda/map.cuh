// Elementwise kernels over memory: y[i] = f(a[i], b[i], ...), 16 bytes an access.
#pragma once

#include <algorithm>
#include <type_traits>

#include "kernels/cuda/dispatch.cuh"

namespace engine::ENGINE_CUDA_NS {

/// f takes the numbers of the inputs (float for the 16-bit types) and returns y's. y may be one of the inputs. Each
/// thread moves vectors of V elements in a grid-stride loop; what is behind `vectors` of them goes one by one.
template <int V, class F, class Y, class... In>
__global__ void __launch_bounds__(256) map_kernel(std::int64_t vectors, std::int64_t n, F f, Y* y, const In*... in) {
  const std::int64_t first = global_thread(), step = global_threads();
  for (std::int64_t i = first; i < vectors; i += step) {
    const auto apply = [&](const auto&... a) {
      Vec<Y, V> result;
#pragma unroll
      for (int k = 0; k < V; ++k) result.v[k] = stored<Y>(f(number(a.v[k])...));
      store<V>(y, i, result);
    };
    apply(load<V>(in, i)...);
  }
  for (std::int64_t i = vectors * V + first; i < n; i += step) y[i] = stored<Y>(f(number(in[i])...));
}

/// Whether all addresses are multiples of 16.
template <class... P>
bool aligned(const P*... p) {
  return ((reinterpret_cast<std::uintptr_t>(p) % 16 == 0) && ...);
}

/// y[i] = f(in[i]...) for i < n; `flops` is what f costs.
template <class F, class Y, class... In>
void map(Context& c, std::int64_t n, double flops, const F& f, Y* y, const In*... in) {
  if (n == 0) return;
  constexpr std::size_t largest = std::max({sizeof(Y), sizeof(In)...});
  constexpr int vector = static_cast<int>(16 / largest);
  const double count = static_cast<double>(n);
  const Cost cost{count * static_cast<double>((sizeof(Y) + ... + sizeof(In))), count * flops};
  const std::int64_t vectors = aligned(y, in...) ? n / vector : 0;
  launch<map_kernel<vector, F, Y, In...>>(c, c.grid_stride(n, vectors > 0 ? vector : 1), cost, vectors, n, f, y, in...);
}

}  // namespace engine::ENGINE_CUDA_NS

#include "kernels/cuda/elementwise.h"

#include <array>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/cuda/activations.cuh"
#include "kernels/cuda/broadcast.h"
#include "kernels/cuda/divisor.h"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/recording.h"
#include "kernels/cuda/movement.h"

namespace engine::ENGINE_CUDA_NS {

struct Add {
  __device__ __forceinline__ float operator()(float a, float b) const { return a + b; }
};
struct Multiply {
  __device__ __forceinline__ float operator()(float a, float b) const { return a * b; }
};
struct Scale {
  float factor;
  __device__ __forceinline__ float operator()(float x) const { return x * factor; }
};

static void check_same_type(std::string_view op, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) throw UsageError("{}: {} and {} differ in type", op, a.str(), b.str());
}

// ---- operands of one shape and layout -----------------------------------------------------------------------------

Tensor activation(Context& c, const Tensor& x, const ActivationParams& p) {
  Tensor y = empty_like(c, x);
  with_floating("activation", x, [&](auto sample) {
    using T = decltype(sample);
    with_activation(p.kind, [&](auto kind) {
      map(c, x.numel(), 4, Activate<kind()>{static_cast<float>(p.slope)}, pointer<T>(y), pointer<const T>(x));
    });
  });
  return y;
}

Tensor activation_backward(Context& c, const Tensor& x, const Tensor& dy_any, const ActivationParams& p) {
  check_same_shape("activation_backward", x, dy_any);
  check_same_type("activation_backward", x, dy_any);
  const Tensor dy = in_layout_of(c, dy_any, x);
  Tensor dx = empty_like(c, x);
  with_floating("activation_backward", x, [&](auto sample) {
    using T = decltype(sample);
    with_activation(p.kind, [&](auto kind) {
      map(c, x.numel(), 8, ActivateBackward<kind()>{static_cast<float>(p.slope)}, pointer<T>(dx), pointer<const T>(x),
          pointer<const T>(dy));
    });
  });
  return dx;
}

Tensor scale(Context& c, const Tensor& x, double factor) {
  Tensor y = empty_like(c, x);
  with_floating("scale", x, [&](auto sample) {
    using T = decltype(sample);
    map(c, x.numel(), 1, Scale{static_cast<float>(factor)}, pointer<T>(y), pointer<const T>(x));
  });
  return y;
}

void accumulate_(Context& c, const Tensor& acc, const Tensor& x_any) {
  check_same_shape("accumulate_", acc, x_any);
  check_same_type("accumulate_", acc, x_any);
  const Tensor x = in_layout_of(c, x_any, acc);
  with_floating("accumulate_", acc, [&](auto sample) {
    using T = decltype(sample);
    map(c, acc.numel(), 1, Add{}, pointer<T>(acc), pointer<const T>(acc), pointer<const T>(x));
  });
  mark_written(acc);
}

// ---- broadcasting -------------------------------------------------------------------------------------------------

constexpr int max_dimensions = 8;

template <class Index>
struct DeviceWalk {
  int rank;
  Divisor<Index> extents[max_dimensions];  // innermost first; the innermost counts vectors
  Index a[max_dimensions], b[max_dimensions];
};

template <int V, class T, class Index>
__device__ __forceinline__ Vec<T, V> load_or_repeat(const T* p, Index at, bool repeat) {
  if (!repeat) return load<V>(p + at, 0);
  Vec<T, V> v;
  const T value = p[at];
#pragma unroll
  for (int k = 0; k < V; ++k) v.v[k] = value;
  return v;
}

// A thread computes V neighbours of the result; operands repeat inside a vector or are vectors themselves. Whatever
// repeats is read again from L1 or L2.
template <int V, class T, class F, class Index>
__global__ void __launch_bounds__(256)
    broadcast_kernel(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ y, Index vectors, F f,
                     DeviceWalk<Index> walk) {
  for (Index i = static_cast<Index>(global_thread()); i < vectors; i += static_cast<Index>(global_threads())) {
    Index at_a = 0, at_b = 0, rest = i;
    for (int d = 0; d < walk.rank; ++d) {
      const auto [quotient, index] = walk.extents[d](rest);
      const Index scale = d == 0 ? V : 1;
      at_a += index * scale * walk.a[d];
      at_b += index * scale * walk.b[d];
      rest = quotient;
    }
    const Vec<T, V> left = load_or_repeat<V>(a, at_a, walk.a[0] == 0), right = load_or_repeat<V>(b, at_b, walk.b[0] == 0);
    Vec<T, V> result;
#pragma unroll
    for (int k = 0; k < V; ++k) result.v[k] = stored<T>(f(number(left.v[k]), number(right.v[k])));
    store<V>(y, i, result);
  }
}

// Vectors fit when the innermost extent is a multiple of them, and each operand repeats along it or begins every row
// at a multiple.
static bool vectors_fit(const BroadcastWalk& w, std::int64_t vector) {
  const auto fits = [&](const std::vector<std::int64_t>& strides) {
    for (std::size_t d = 0; d < strides.size(); ++d)
      if (d == 0 ? strides[d] > 1 : strides[0] == 1 && strides[d] % vector != 0) return false;
    return true;
  };
  return w.extents[0] % vector == 0 && fits(w.a) && fits(w.b);
}

template <int V, class T, class F, class Index>
static void launch_broadcast(Context& c, const BroadcastWalk& w, const Tensor& a, const Tensor& b, const Tensor& y) {
  DeviceWalk<Index> walk{};
  walk.rank = static_cast<int>(w.extents.size());
  for (std::size_t d = 0; d < w.extents.size(); ++d) {
    walk.extents[d] = Divisor<Index>(static_cast<Index>(d == 0 ? w.extents[d] / V : w.extents[d]));
    walk.a[d] = static_cast<Index>(w.a[d]);
    walk.b[d] = static_cast<Index>(w.b[d]);
  }
  const Cost cost{static_cast<double>(a.bytes() + b.bytes() + y.bytes()), static_cast<double>(y.numel())};
  launch<broadcast_kernel<V, T, F, Index>>(c, c.grid_stride(y.numel(), V), cost, pointer<const T>(a),
                                           pointer<const T>(b), pointer<T>(y), static_cast<Index>(y.numel() / V), F{},
                                           walk);
}

template <class T, class F>
static void broadcast_into(Context& c, const Tensor& a, const Tensor& b, const Tensor& y) {
  if (y.numel() == 0) return;
  const BroadcastWalk w = broadcast_walk(y, a, b);
  if (w.extents.size() > max_dimensions)
    throw UsageError("{} and {} repeat each other over more than {} dimensions", a.str(), b.str(), max_dimensions);
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  const bool fits = vectors_fit(w, vector) && aligned(pointer<T>(a), pointer<T>(b), pointer<T>(y));
  const bool small = y.numel() < (std::int64_t{1} << 31);
  if (small && fits)
    launch_broadcast<vector, T, F, std::uint32_t>(c, w, a, b, y);
  else if (small)
    launch_broadcast<1, T, F, std::uint32_t>(c, w, a, b, y);
  else
    launch_broadcast<1, T, F, std::uint64_t>(c, w, a, b, y);
}

template <class F>
static Tensor binary(Context& c, std::string_view op, const Tensor& a, const Tensor& b_any) {
  check_same_type(op, a, b_any);
  const Shape shape = broadcast(a.shape(), b_any.shape());
  // Both operations commute.
  if (b_any.shape() == shape && a.shape() != shape) return binary<F>(c, op, b_any, a);
  const bool flat = a.shape() == b_any.shape();
  const Tensor b = flat ? in_layout_of(c, b_any, a) : b_any;
  Tensor y = channels_last(a) || channels_last(b) ? empty_channels_last(c, shape, a.dtype()) : empty(c, shape, a.dtype());
  with_floating(op, a, [&](auto sample) {
    using T = decltype(sample);
    if (flat)
      map(c, y.numel(), 1, F{}, pointer<T>(y), pointer<const T>(a), pointer<const T>(b));
    else
      broadcast_into<T, F>(c, a, b, y);
  });
  return y;
}

Tensor add(Context& c, const Tensor& a, const Tensor& b) { return binary<Add>(c, "add", a, b); }

Tensor mul(Context& c, const Tensor& a, const Tensor& b) { return binary<Multiply>(c, "mul", a, b); }

// ---- dropout ------------------------------------------------------------------------------------------------------

struct DropoutKey {
  std::array<std::uint32_t, 2> key;
  std::uint32_t sample, step;
};

// A thread takes the four elements of one Philox block. Recorded work finds its step in device memory.
template <class T>
__global__ void __launch_bounds__(256)
    dropout_kernel(const T* __restrict__ x, T* __restrict__ y, std::int64_t n, DropoutKey k,
                   const std::uint32_t* __restrict__ recorded_step, std::uint32_t threshold, float factor) {
  if (recorded_step) k.step = *recorded_step;
  for (std::int64_t block = global_thread(); block * 4 < n; block += global_threads()) {
    const auto words = philox4x32(
        {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), k.sample, k.step}, k.key);
    const auto dropped = [&](int i, T v) {
      return words[static_cast<std::size_t>(i)] >> 8 < threshold ? stored<T>(0.0f) : stored<T>(number(v) * factor);
    };
    if (block * 4 + 4 <= n) {
      Vec<T, 4> v = load<4>(x, block);
#pragma unroll
      for (int i = 0; i < 4; ++i) v.v[i] = dropped(i, v.v[i]);
      store<4>(y, block, v);
    } else {
#pragma unroll
      for (int i = 0; i < 3; ++i)
        if (block * 4 + i < n) y[block * 4 + i] = dropped(i, x[block * 4 + i]);
    }
  }
}

Tensor dropout(Context& c, const Tensor& x_any, double p, const RandomKey& key) {
  if (!(p >= 0.0 && p < 1.0)) throw UsageError("dropout: expected a probability in [0, 1), found {}", p);
  const Tensor x = to_plain(c, x_any);  // elements are numbered in row-major order
  Tensor y = empty(c, x.shape(), x.dtype());
  // A uniform number is k * 2^-24, and k * 2^-24 < p where k < ceil(p * 2^24).
  const auto threshold = static_cast<std::uint32_t>(std::ceil(p * 0x1p24));
  const auto factor = static_cast<float>(1.0 / (1.0 - p));
  const DropoutKey k{philox_key(key), key.sample, key.step};
  with_floating("dropout", x, [&](auto sample) {
    using T = decltype(sample);
    if (x.numel() == 0) return;
    const Cost cost{2.0 * static_cast<double>(x.bytes()), 25.0 * static_cast<double>(x.numel())};
    launch<dropout_kernel<T>>(c, c.grid_stride(x.numel(), 4), cost, pointer<const T>(x), pointer<T>(y), x.numel(), k,
                              c.recorder ? c.recorder->random_step() : nullptr, threshold, factor);
  });
  return y;
}

}  // namespace engine::ENGINE_CUDA_NS

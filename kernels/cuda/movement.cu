#include "kernels/cuda/movement.h"

#include "kernels/checks.h"
#include "kernels/cuda/map.cuh"

namespace engine::ENGINE_CUDA_NS {

struct Same {
  template <class T>
  __device__ __forceinline__ T operator()(T v) const {
    return v;
  }
};

template <class T>
struct Constant {
  T value;
  __device__ __forceinline__ T operator()() const { return value; }
};

// Whether the exponent's bits (mask) are all set: NaN or infinite.
template <int V, class T>
__global__ void __launch_bounds__(256)
    nonfinite_kernel(const T* __restrict__ x, int* __restrict__ found, std::int64_t n, T mask) {
  const std::int64_t first = global_thread(), step = global_threads(), vectors = n / V;
  unsigned here = 0;
#pragma unroll(sizeof(T) == 8 ? 2 : 4)
  for (std::int64_t i = first; i < vectors; i += step) {
    const Vec<T, V> a = load<V>(x, i);
#pragma unroll
    for (int k = 0; k < V; ++k) here |= static_cast<unsigned>((a.v[k] & mask) == mask);
  }
  for (std::int64_t i = vectors * V + first; i < n; i += step) here |= static_cast<unsigned>((x[i] & mask) == mask);
  if (__syncthreads_or(static_cast<int>(here)) && threadIdx.x == 0) atomicOr(found, 1);
}

template <class T>
bool any_with_bits(Context& c, const Tensor& x, T mask) {
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  const Tensor found = empty(c, {}, DType::i32);
  c.runtime().set_bytes(found.raw(), 0, found.bytes(), c.compute());
  launch<nonfinite_kernel<vector, T>>(c, c.grid_stride(x.numel(), vector), {static_cast<double>(x.bytes()), 0},
                                      pointer<const T>(x), found.data<std::int32_t>(), x.numel(), mask);
  std::int32_t answer = 0;
  c.download(&answer, found.raw(), sizeof answer);
  return answer != 0;
}

Tensor from_host(Context& c, const void* host, const Shape& shape, DType dtype) {
  Tensor t = empty(c, shape, dtype);
  c.upload(t.raw(), host, t.bytes());
  return t;
}

void to_host(Context& c, const Tensor& x, void* host) {
  const Tensor from = to_plain(c, x);
  c.download(host, from.raw(), from.bytes());
}

Tensor clone(Context& c, const Tensor& x) {
  Tensor y = empty_like(c, x);
  if (x.bytes() > 0) c.runtime().copy_on_device(y.raw(), x.raw(), x.bytes(), c.compute());
  return y;
}

Tensor cast(Context& c, const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return clone(c, x);
  Tensor y = empty_like(c, x, x.shape(), dtype);
  cast_into(c, x, y);
  return y;
}

void cast_into(Context& c, const Tensor& x, const Tensor& y) {
  with_any(x.dtype(), [&](auto from) {
    with_any(y.dtype(), [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      if constexpr (!std::is_same_v<From, To>) map(c, x.numel(), 1, Same{}, pointer<To>(y), pointer<const From>(x));
    });
  });
}

void fill_(Context& c, const Tensor& x, double value) {
  with_any(x.dtype(), [&](auto sample) {
    using T = decltype(sample);
    map(c, x.numel(), 0, Constant<double>{value}, pointer<T>(x));
  });
  mark_written(x);
}

void copy_(Context& c, const Tensor& dst, const Tensor& src) {
  check_same_shape("copy_", dst, src);
  if (dst.dtype() != src.dtype()) throw UsageError("copy_: cannot copy {} into {}", src.str(), dst.str());
  const Tensor from = in_layout_of(c, src, dst);
  if (dst.bytes() > 0) c.runtime().copy_on_device(dst.raw(), from.raw(), dst.bytes(), c.compute());
  mark_written(dst);
}

bool has_nonfinite(Context& c, const Tensor& x) {
  if (x.numel() == 0) return false;
  switch (x.dtype()) {
    case DType::f32: return any_with_bits<std::uint32_t>(c, x, 0x7F800000u);
    case DType::f16: return any_with_bits<std::uint16_t>(c, x, 0x7C00u);
    case DType::bf16: return any_with_bits<std::uint16_t>(c, x, 0x7F80u);
    case DType::f64: return any_with_bits<std::uint64_t>(c, x, 0x7FF0000000000000u);
    default: return false;
  }
}

}  // namespace engine::ENGINE_CUDA_NS

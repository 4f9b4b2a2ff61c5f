// Which inputs a window covers and which windows cover an input, along one dimension.
#pragma once

#include "kernels/cuda/maps.cuh"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

/// The inputs [begin, end) under a window that starts at `origin`, padding included, and the positions that its mean
/// counts.
struct Window {
  int origin, begin, end, count;
};

struct PoolingLine {
  int in, out, kernel, before, padded;  // padded: where the padding behind the input ends
  Divisor<std::uint32_t> stride;
  bool count_padding;

  PoolingLine(std::int64_t in_, std::int64_t out_, std::int64_t kernel_, std::int64_t stride_, std::int64_t before_,
              std::int64_t after, bool count_padding_)
      : in(static_cast<int>(in_)),
        out(static_cast<int>(out_)),
        kernel(static_cast<int>(kernel_)),
        before(static_cast<int>(before_)),
        padded(static_cast<int>(in_ + after)),
        stride(static_cast<std::uint32_t>(std::min(stride_, most_indices / 2))),
        count_padding(count_padding_) {
    if (in_ + before_ + after > most_indices / 2)
      throw UsageError("pooling: a line of {} positions with padding is too long", in_ + before_ + after);
  }
  __device__ __forceinline__ Window window(int o) const {
    const int origin = o * static_cast<int>(stride.divisor) - before;
    const int begin = max(origin, 0), end = min(origin + kernel, in);
    return {origin, begin, end, count_padding ? min(origin + kernel, padded) - origin : end - begin};
  }
  __device__ __forceinline__ Range cover(int i) const {
    const int reach = i + before;
    const int first =
        reach < kernel ? 0 : static_cast<int>(stride(static_cast<std::uint32_t>(reach - kernel)).quotient) + 1;
    return {first, min(static_cast<int>(stride(static_cast<std::uint32_t>(reach)).quotient) + 1, out)};
  }
};

inline PoolingLine rows_of(const Pool2dParams& p, const Shape& x, const Shape& y) {
  return {x[2], y[2], p.kernel[0], p.stride[0], p.padding.top, p.padding.bottom, p.count_include_pad};
}
inline PoolingLine columns_of(const Pool2dParams& p, const Shape& x, const Shape& y) {
  return {x[3], y[3], p.kernel[1], p.stride[1], p.padding.left, p.padding.right, p.count_include_pad};
}

/// Window o of `out` covers floor(o * in / out) .. ceil((o + 1) * in / out); input i is then covered by the windows
/// floor(i * out / in) .. ceil((i + 1) * out / in).
struct AdaptiveLine {
  Divisor<std::uint32_t> in, out;

  AdaptiveLine(std::int64_t in_, std::int64_t out_)
      : in(static_cast<std::uint32_t>(in_)), out(static_cast<std::uint32_t>(out_)) {
    if ((in_ + 1) * (out_ + 1) > most_indices)
      throw UsageError("adaptive_avg_pool2d: lines of {} and {} positions are too long", in_, out_);
  }
  static __device__ __forceinline__ Range part(int i, const Divisor<std::uint32_t>& of,
                                               const Divisor<std::uint32_t>& parts) {
    const std::uint32_t begin = static_cast<std::uint32_t>(i) * of.divisor;
    return {static_cast<int>(parts(begin).quotient),
            static_cast<int>(parts(begin + of.divisor + parts.divisor - 1).quotient)};
  }
  __device__ __forceinline__ Window window(int o) const {
    const Range r = part(o, in, out);
    return {r.begin, r.begin, r.end, r.end - r.begin};
  }
  __device__ __forceinline__ Range cover(int i) const { return part(i, out, in); }
};

}  // namespace engine::ENGINE_CUDA_NS

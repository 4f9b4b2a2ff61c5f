// Images as operands of a matrix product (gemm_tile.cuh): nothing is copied, a patch is gathered while it is read.
#pragma once

#include "kernels/cuda/conv_geometry.h"
#include "kernels/cuda/gemm_tile.cuh"

namespace engine::ENGINE_CUDA_NS {

struct Position {
  int image, y, x;
};
/// Where number i of a row-major list of pixels is.
__device__ __forceinline__ Position position(int i, const Divisor<std::uint32_t>& by_height,
                                             const Divisor<std::uint32_t>& by_width) {
  const auto [rows, x] = by_width(static_cast<std::uint32_t>(i));
  const auto [image, y] = by_height(rows);
  return {static_cast<int>(image), static_cast<int>(y), static_cast<int>(x)};
}
struct Tap {
  int y, x, channel;
};
/// k counts kernel rows, kernel columns and, fastest, channels.
__device__ __forceinline__ Tap tap(int k, const Divisor<std::uint32_t>& by_channels,
                                   const Divisor<std::uint32_t>& by_kernel_width) {
  const auto [at, channel] = by_channels(static_cast<std::uint32_t>(k));
  const auto [y, x] = by_kernel_width(at);
  return {static_cast<int>(y), static_cast<int>(x), static_cast<int>(channel)};
}
__device__ __forceinline__ bool inside(int i, int extent) {
  return static_cast<unsigned>(i) < static_cast<unsigned>(extent);
}

/// a(output pixel, tap and input channel) = x.
template <class T, int V>
struct Patches {
  using Element = T;
  static constexpr int vector = V;
  static constexpr bool along_k = true;
  struct Row {
    const T* image;
    int y, x;  // of the patch's first tap
  };

  const T* image;
  ConvGeometry g;
  int pixels, depth;

  __device__ __forceinline__ int place(int outer) const { return outer; }
  __device__ __forceinline__ int next(int, int, int k, int) const { return k; }
  __device__ __forceinline__ Row row(int outer, int group) const {
    if (outer >= pixels) return {image, outside, 0};
    const Position at = position(outer, g.by_out_height, g.by_out_width);
    return {image + static_cast<std::int64_t>(at.image) * g.height * g.width * g.channels + group * g.group_in,
            at.y * g.stride_y - g.top, at.x * g.stride_x - g.left};
  }
  __device__ __forceinline__ Vec<T, V> fetch(const Row& row, int k) const {
    if (k >= depth) return {};
    const Tap t = tap(k, g.by_group_in, g.by_kernel_width);
    const int y = row.y + t.y * g.dilation_y, x = row.x + t.x * g.dilation_x;
    if (!inside(y, g.height) || !inside(x, g.width)) return {};
    return load<V>(row.image + (static_cast<std::int64_t>(y) * g.width + x) * g.channels + t.channel, 0);
  }
};

/// a(input pixel, tap and output channel) = dy at the output pixel that this tap joins to the input pixel, if any.
/// A stride leaves each tap to the pixels of one phase (row and column, padding included, modulo the stride). Rows go
/// phase by phase, so that a tile has few of them and passes over the taps of the others.
template <class T, int V>
struct Sources {
  using Element = T;
  static constexpr int vector = V;
  static constexpr bool along_k = true;
  struct Row {
    int first, channel;  // row of all images' rows where this one begins; a pointer would take a register more
    int y, x;            // padding included
  };
  struct Pixel {
    int image, y, x;  // padding included; outside: y = outside
  };

  const T* image;
  ConvGeometry g;
  int depth, step_y, step_x, first_y, first_x, phase_pixels;
  bool skips;  // tiles of k lie inside a tap
  Divisor<std::uint32_t> by_step_y, by_step_x, by_phase, by_rows, by_columns;

  Sources(const T* dy, const ConvGeometry& geometry)
      : image(dy),
        g(geometry),
        depth(g.taps * g.group_out),
        step_y(g.stride_y <= g.height ? g.stride_y : 1),  // strides beyond the map would leave most phases empty
        step_x(g.stride_x <= g.width ? g.stride_x : 1),
        first_y(g.top / step_y),
        first_x(g.left / step_x),
        skips(step_y * std::int64_t{step_x} > 1 && g.group_out % gemm_depth == 0),
        by_step_y(static_cast<std::uint32_t>(step_y)),
        by_step_x(static_cast<std::uint32_t>(step_x)) {
    // The phases of a map whose extents are no multiples of the stride are padded to one size.
    const int rows = (g.height - 1 + g.top) / step_y - first_y + 1;
    const int columns = (g.width - 1 + g.left) / step_x - first_x + 1;
    phase_pixels = g.images * rows * columns;
    by_phase = ConvGeometry::Quick(static_cast<std::uint32_t>(phase_pixels));
    by_rows = ConvGeometry::Quick(static_cast<std::uint32_t>(rows));
    by_columns = ConvGeometry::Quick(static_cast<std::uint32_t>(columns));
  }
  /// Rows of the product.
  std::int64_t pixels() const { return std::int64_t{phase_pixels} * step_y * step_x; }

  __device__ __forceinline__ Pixel pixel(int outer) const {
    const auto [phase, rest] = by_phase(static_cast<std::uint32_t>(outer));
    const auto [phase_y, phase_x] = by_step_x(phase);
    if (static_cast<int>(phase_y) >= step_y) return {0, outside, 0};
    const Position at = position(static_cast<int>(rest), by_rows, by_columns);
    const int y = (first_y + at.y) * step_y + static_cast<int>(phase_y);
    const int x = (first_x + at.x) * step_x + static_cast<int>(phase_x);
    if (!inside(y - g.top, g.height) || !inside(x - g.left, g.width)) return {0, outside, 0};
    return {at.image, y, x};
  }
  __device__ __forceinline__ int place(int outer) const {
    const Pixel p = pixel(outer);
    return p.y == outside ? -1 : (p.image * g.height + p.y - g.top) * g.width + p.x - g.left;
  }
  __device__ __forceinline__ int next(int first, int rows, int k, int end) const {
    if (!skips) return k;
    const int from = static_cast<int>(by_phase(static_cast<std::uint32_t>(first)).quotient);
    const int to = static_cast<int>(by_phase(static_cast<std::uint32_t>(first + rows - 1)).quotient);
    for (; k < end; k += gemm_depth) {
      const Tap t = tap(k, g.by_group_out, g.by_kernel_width);
      const int phase_y = static_cast<int>(by_step_y(static_cast<std::uint32_t>(t.y * g.dilation_y)).remainder);
      const int phase_x = static_cast<int>(by_step_x(static_cast<std::uint32_t>(t.x * g.dilation_x)).remainder);
      const int phase = phase_y * step_x + phase_x;
      if (from <= phase && phase <= to) break;
    }
    return k;
  }
  __device__ __forceinline__ Row row(int outer, int group) const {
    const Pixel p = pixel(outer);
    return {p.image * g.out_height, group * g.group_out, p.y, p.x};
  }
  __device__ __forceinline__ Vec<T, V> fetch(const Row& row, int k) const {
    if (k >= depth) return {};
    const Tap t = tap(k, g.by_group_out, g.by_kernel_width);
    const int y = row.y - t.y * g.dilation_y, x = row.x - t.x * g.dilation_x;
    if (y < 0 || x < 0) return {};
    const auto [out_y, rest_y] = g.by_stride_y(static_cast<std::uint32_t>(y));
    const auto [out_x, rest_x] = g.by_stride_x(static_cast<std::uint32_t>(x));
    const int oy = static_cast<int>(out_y), ox = static_cast<int>(out_x);
    if (rest_y != 0 || rest_x != 0 || oy >= g.out_height || ox >= g.out_width) return {};
    const std::int64_t pixel = static_cast<std::int64_t>(row.first + oy) * g.out_width + ox;
    return load<V>(image + pixel * g.out_channels + row.channel + t.channel, 0);
  }
};

/// b(tap and output channel, input channel) = w, which is [output channel, tap, input channel] in memory.
template <class T, int V>
struct TapWeights {
  using Element = T;
  static constexpr int vector = V;
  static constexpr bool along_k = false;
  struct Row {
    const T* channel;  // null: outside
  };

  const T* p;
  int taps, group_in, depth;
  Divisor<std::uint32_t> by_group_out;

  __device__ __forceinline__ Row row(int outer, int group) const {
    return {outer < group_in ? p + static_cast<std::int64_t>(group) * depth * group_in + outer : nullptr};
  }
  __device__ __forceinline__ Vec<T, V> fetch(const Row& row, int k) const {
    if (row.channel == nullptr || k >= depth) return {};
    const auto [tap, out] = by_group_out(static_cast<std::uint32_t>(k));
    return load<V>(row.channel + (static_cast<std::int64_t>(out) * taps + tap) * group_in, 0);
  }
};

/// b(output pixel, tap and input channel) = x: the patches again, summed over pixels.
template <class T, int V>
struct PatchColumns {
  using Element = T;
  static constexpr int vector = V;
  static constexpr bool along_k = false;
  struct Row {
    const T* channel;
    int y, x;  // of the tap in a patch
  };

  const T* image;
  ConvGeometry g;
  int pixels, columns;

  __device__ __forceinline__ Row row(int outer, int group) const {
    if (outer >= columns) return {image, outside, 0};
    const Tap t = tap(outer, g.by_group_in, g.by_kernel_width);
    return {image + group * g.group_in + t.channel, t.y * g.dilation_y - g.top, t.x * g.dilation_x - g.left};
  }
  __device__ __forceinline__ Vec<T, V> fetch(const Row& row, int k) const {
    if (k >= pixels) return {};
    const Position at = position(k, g.by_out_height, g.by_out_width);
    const int y = row.y + at.y * g.stride_y, x = row.x + at.x * g.stride_x;
    if (!inside(y, g.height) || !inside(x, g.width)) return {};
    return load<V>(row.channel + ((static_cast<std::int64_t>(at.image) * g.height + y) * g.width + x) * g.channels, 0);
  }
};

/// Calls f(an integral constant): elements of a 16-byte read where all fits, else 1.
template <class T, class F>
void with_vector(bool fits, F&& f) {
  if (fits)
    f(std::integral_constant<int, static_cast<int>(16 / sizeof(T))>{});
  else
    f(std::integral_constant<int, 1>{});
}

}  // namespace engine::ENGINE_CUDA_NS

#include "kernels/cuda/layout.h"

#include "kernels/cuda/dispatch.cuh"

namespace engine::ENGINE_CUDA_NS {

constexpr int tile = 32, tile_rows = 8;  // a block of 32 x 8 threads moves a tile of 32 x 32 elements
constexpr int few = 8;

// Reads rows of the tile and writes its columns, both in whole segments of 32 elements. The row of 33 puts the
// elements of a column into 32 different banks, for each element size up to 4 bytes (8: two passes, as always).
template <class T>
__global__ void __launch_bounds__(tile* tile_rows)
    transpose_tiles(const T* __restrict__ from, T* __restrict__ to, std::int64_t rows, std::int64_t columns,
                    unsigned row_tiles, unsigned column_tiles) {
  SHARED(T, s, [tile][tile + 1]);
  const unsigned column_tile = blockIdx.x % column_tiles, rest = blockIdx.x / column_tiles;
  const unsigned row_tile = rest % row_tiles;
  const std::int64_t matrix = static_cast<std::int64_t>(rest / row_tiles) * rows * columns;
  const std::int64_t row0 = static_cast<std::int64_t>(row_tile) * tile, column0 = static_cast<std::int64_t>(column_tile) * tile;
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
#pragma unroll
  for (int i = 0; i < tile; i += tile_rows)
    if (row0 + y + i < rows && column0 + x < columns)
      s[y + i][x] = from[matrix + (row0 + y + i) * columns + column0 + x];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < tile; i += tile_rows)
    if (column0 + y + i < columns && row0 + x < rows)
      to[matrix + (column0 + y + i) * rows + row0 + x] = s[x][y + i];
}

// Images of three channels would leave most of a tile empty. A thread moves one column of at most eight elements:
// along the long side neighbours are adjacent, along the short side a warp's accesses fill whole lines together.
template <class T, bool few_rows>
__global__ void __launch_bounds__(256)
    transpose_few(const T* __restrict__ from, T* __restrict__ to, std::int64_t batch, std::int64_t length, int count) {
  for (std::int64_t i = global_thread(); i < batch * length; i += global_threads()) {
    const std::int64_t b = i / length, at = i % length;
    const std::int64_t wide = b * length * count + at, narrow = i * count;
    for (int k = 0; k < count; ++k) {
      if constexpr (few_rows)
        to[narrow + k] = from[wide + k * length];
      else
        to[wide + k * length] = from[narrow + k];
    }
  }
}

void transpose_matrices(Context& c, DType dtype, const void* from, void* to, std::int64_t batch, std::int64_t rows,
                        std::int64_t columns) {
  const std::int64_t n = batch * rows * columns;
  if (n == 0) return;
  const Cost cost{2.0 * static_cast<double>(n) * static_cast<double>(size_of(dtype)), 0};
  with_bits(dtype, [&](auto sample) {
    using T = decltype(sample);
    const T* source = static_cast<const T*>(from);
    T* target = static_cast<T*>(to);
    if (rows <= few) {
      launch<transpose_few<T, true>>(c, c.grid_stride(batch * columns), cost, source, target, batch, columns,
                                     static_cast<int>(rows));
    } else if (columns <= few) {
      launch<transpose_few<T, false>>(c, c.grid_stride(batch * rows), cost, source, target, batch, rows,
                                      static_cast<int>(columns));
    } else {
      const std::int64_t row_tiles = (rows + tile - 1) / tile, column_tiles = (columns + tile - 1) / tile;
      const LaunchShape shape{static_cast<unsigned>(batch * row_tiles * column_tiles), {tile, tile_rows}};
      launch<transpose_tiles<T>>(c, shape, cost, source, target, rows, columns, static_cast<unsigned>(row_tiles),
                                 static_cast<unsigned>(column_tiles));
    }
  });
}

bool has_channels_last(const Shape& s) { return s.rank() == 4 && s[1] > 1 && s[2] * s[3] > 1; }

std::vector<std::int64_t> physical_dims(const Tensor& x) {
  if (!channels_last(x)) return x.shape().dims();
  return {x.dim(0), x.dim(2), x.dim(3), x.dim(1)};
}

std::vector<std::int64_t> memory_strides(const Tensor& x) {
  if (!channels_last(x)) return x.shape().strides();
  const std::int64_t channels = x.dim(1), row = x.dim(3) * channels;
  return {x.dim(2) * row, 1, row, channels};
}

Tensor empty(Context& c, const Shape& shape, DType dtype) { return c.empty(shape, dtype); }

Tensor empty_channels_last(Context& c, const Shape& shape, DType dtype) {
  static const auto layout = std::make_shared<const ChannelsLast>();
  const Tensor plain = c.empty(shape, dtype);
  if (!has_channels_last(shape)) return plain;
  return Tensor(shape, dtype, c.device(), plain.storage(), layout);
}

Tensor empty_like(Context& c, const Tensor& x, const Shape& shape, DType dtype) {
  return channels_last(x) ? empty_channels_last(c, shape, dtype) : empty(c, shape, dtype);
}
Tensor empty_like(Context& c, const Tensor& x) { return empty_like(c, x, x.shape(), x.dtype()); }

Tensor to_plain(Context& c, const Tensor& x) {
  if (!channels_last(x)) return x;
  Tensor y = empty(c, x.shape(), x.dtype());
  transpose_matrices(c, x.dtype(), x.raw(), y.raw(), x.dim(0), x.dim(2) * x.dim(3), x.dim(1));
  return y;
}

Tensor to_channels_last(Context& c, const Tensor& x) {
  if (channels_last(x) || !has_channels_last(x.shape())) return x;
  Tensor y = empty_channels_last(c, x.shape(), x.dtype());
  transpose_matrices(c, x.dtype(), x.raw(), y.raw(), x.dim(0), x.dim(1), x.dim(2) * x.dim(3));
  return y;
}

Tensor in_layout_of(Context& c, const Tensor& x, const Tensor& like) {
  return channels_last(like) ? to_channels_last(c, x) : to_plain(c, x);
}

}  // namespace engine::ENGINE_CUDA_NS

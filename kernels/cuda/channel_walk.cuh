// Walking over an activation so that a thread stays with its channels: their constants live in registers, their sums
// need no atomics.
#pragma once

#include <algorithm>
#include <bit>

#include "kernels/cuda/divisor.h"
#include "kernels/cuda/last_block.cuh"
#include "kernels/cuda/layout.h"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/reduce.cuh"

namespace engine::ENGINE_CUDA_NS {

inline constexpr int walk_threads = 256, walk_warps = walk_threads / 32;

/// An item is what a thread takes at once, V neighbours in memory. Channels-last: V channels of one pixel; the items of
/// a channel are the pixels, neighbouring threads take neighbouring channels. Plain: V pixels of one channel, whose
/// items are the vectors of all its planes; a block has one channel. Block (i, j) takes channel tile i and the j-th of
/// `splits` equal ranges of items.
struct ChannelWalk {
  std::int64_t channels, plane, items, per_split;
  std::int64_t vectors;             ///< items of one plane, plain layout only
  Divisor<std::uint32_t> divisor;   ///< by `vectors`
  bool large;                       ///< more items than the divisor can take
  int along;                        ///< threads side by side over channels, a power of two up to 32
  int splits;
  int weight;                       ///< values of a channel in one item

  __device__ __forceinline__ std::int64_t image_of(std::int64_t item) const {
    return large ? item / vectors : static_cast<std::int64_t>(divisor(static_cast<std::uint32_t>(item)).quotient);
  }
  __device__ __forceinline__ std::int64_t items_of(std::int64_t split) const {
    return min(static_cast<long>(per_split), static_cast<long>(items - split * per_split));
  }
};

template <bool last_, int vector_>
struct WalkKind {
  static constexpr bool last = last_;
  static constexpr int vector = vector_;
  static constexpr int channels = last_ ? vector_ : 1;  ///< of one thread
};

/// What this thread takes: items begin, begin + step, ... below end of the channels from `channel` on.
template <class Kind>
struct Lane {
  std::int64_t channel, begin, end, step;

  __device__ __forceinline__ explicit Lane(const ChannelWalk& w) {
    const int x = static_cast<int>(threadIdx.x) % w.along, y = static_cast<int>(threadIdx.x) / w.along;
    channel = Kind::last ? (static_cast<std::int64_t>(blockIdx.x) * w.along + x) * Kind::vector : blockIdx.x;
    const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * w.per_split;
    begin = first + y;
    end = channel < w.channels ? first + w.items_of(blockIdx.y) : begin;
    step = walk_threads / w.along;
  }
  __device__ __forceinline__ bool inside(const ChannelWalk& w) const { return channel < w.channels; }
  /// Position of an item in memory, in vectors.
  __device__ __forceinline__ std::int64_t vector_at(const ChannelWalk& w, std::int64_t item) const {
    if constexpr (Kind::last) return (item * w.channels + channel) / Kind::vector;
    const std::int64_t image = w.image_of(item);
    return (image * w.channels + channel) * w.vectors + (item - image * w.vectors);
  }
};

/// The first value of a channel.
template <bool last, class T>
__device__ __forceinline__ float first_of(const T* x, const ChannelWalk& w, std::int64_t channel) {
  return number(x[last ? channel : channel * w.plane]);
}

/// Where sums of a channel over the items of one split are, [split][channel].
__device__ __forceinline__ std::int64_t partial_at(const ChannelWalk& w, std::int64_t split, std::int64_t channel) {
  return split * w.channels + channel;
}

/// How a block adds up what all splits found of its channels: `width` channels side by side, each by the threads
/// `width` apart, so that a warp reads neighbours.
template <class Kind>
struct SplitSum {
  std::int64_t channel;
  int first, step;  ///< splits of this thread
  bool inside;

  __device__ __forceinline__ explicit SplitSum(const ChannelWalk& w) {
    const int thread = static_cast<int>(threadIdx.x), width = w.along * Kind::channels;
    channel = static_cast<std::int64_t>(blockIdx.x) * width + thread % width;
    first = thread / width;
    step = walk_threads / width;
    inside = channel < w.channels;
  }
  /// The sum over the threads of the same channel; each of them gets it. All threads call it.
  __device__ __forceinline__ float operator()(float value, const ChannelWalk& w, float (&s)[walk_threads]) const {
    const int thread = static_cast<int>(threadIdx.x), width = w.along * Kind::channels;
    const int stride = width > 32 ? width : 32;
    __syncthreads();
    s[thread] = warp_sum(value, width);
    __syncthreads();
    float sum = 0;
    for (int i = thread % stride; i < walk_threads; i += stride) sum += s[i];
    return sum;
  }
};

/// Adds two numbers of each thread and channel over all items: finish(channel, sum of a, sum of b), in one thread a
/// channel. `partial` is [2][split][channel]; counters as counters_for has them. All threads call it.
template <class Kind, class Finish>
__device__ __forceinline__ void sum_channels(const Lane<Kind>& lane, const ChannelWalk& w,
                                             const float (&a)[Kind::channels], const float (&b)[Kind::channels],
                                             float* partial, unsigned* counters, const Finish& finish) {
  constexpr int K = Kind::channels;
  SHARED(float, s_a, [walk_warps][K][32]);
  SHARED(float, s_b, [walk_warps][K][32]);
  SHARED(float, shares, [walk_threads]);
  float *const a_sums = partial, *const b_sums = partial + w.splits * w.channels;
  const int thread = static_cast<int>(threadIdx.x), in_warp = thread % 32, warp = thread / 32;
#pragma unroll
  for (int k = 0; k < K; ++k) {
    s_a[warp][k][in_warp] = warp_sum(a[k], w.along);
    s_b[warp][k][in_warp] = warp_sum(b[k], w.along);
  }
  __syncthreads();
  const int column = thread % w.along, k = thread / w.along;
  const std::int64_t channel = lane.channel + k;
  if (k < K && channel < w.channels) {
    float a_sum = 0, b_sum = 0;
    for (int i = 0; i < walk_warps; ++i) {
      a_sum += s_a[i][k][column];
      b_sum += s_b[i][k][column];
    }
    a_sums[partial_at(w, blockIdx.y, channel)] = a_sum;
    b_sums[partial_at(w, blockIdx.y, channel)] = b_sum;
  }
  if (!last_of_blocks(counters + blockIdx.x, w.splits)) return;
  const SplitSum<Kind> over(w);
  float a_sum = 0, b_sum = 0;
  if (over.inside) {
#pragma unroll 4
    for (int i = over.first; i < w.splits; i += over.step) {
      a_sum += a_sums[partial_at(w, i, over.channel)];
      b_sum += b_sums[partial_at(w, i, over.channel)];
    }
  }
  a_sum = over(a_sum, w, shares);
  b_sum = over(b_sum, w, shares);
  if (over.first == 0 && over.inside) finish(over.channel, a_sum, b_sum);
}

/// x [N,C,...] with at least one element. `vector` elements fit one access, if addresses are `aligned`. More than one
/// split is for at most 3 tiles a multiprocessor.
inline ChannelWalk channel_walk(const Context& c, const Tensor& x, bool last, int vector, int chunk) {
  ChannelWalk w{};
  w.channels = x.dim(1);
  w.plane = x.numel() / (x.dim(0) * x.dim(1));
  w.vectors = last ? 1 : w.plane / vector;
  w.items = last ? x.dim(0) * w.plane : x.dim(0) * w.vectors;
  w.large = w.items >= (std::int64_t{1} << 31);
  if (!last && !w.large) w.divisor = Divisor<std::uint32_t>(static_cast<std::uint32_t>(w.vectors));
  w.weight = last ? 1 : vector;
  const std::int64_t lanes = last ? (w.channels + vector - 1) / vector : 1;
  // Neighbouring threads read whole lines of 128 bytes; beyond that, more tiles leave less for the last block of each.
  const std::int64_t line = std::max<std::int64_t>(1, 128 / (vector * static_cast<std::int64_t>(size_of(x.dtype()))));
  w.along = static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(std::min({lanes, line, std::int64_t{32}}))));
  const std::int64_t tiles = last ? (lanes + w.along - 1) / w.along : w.channels;
  // Six blocks a multiprocessor come in whole waves where it holds two, three or six. For each thread at least a chunk.
  const std::int64_t wanted = std::max<std::int64_t>(1, 6 * c.properties().multiprocessors / tiles);
  const std::int64_t chunks = (w.items + walk_threads / w.along * chunk - 1) / (walk_threads / w.along * chunk);
  const std::int64_t splits = std::min(wanted, std::max<std::int64_t>(1, chunks));
  w.per_split = (w.items + splits - 1) / splits;
  w.splits = static_cast<int>((w.items + w.per_split - 1) / w.per_split);
  return w;
}

inline LaunchShape shape_of(const ChannelWalk& w, bool last, int vector) {
  const std::int64_t tiles = last ? (w.channels + w.along * vector - 1) / (w.along * vector) : w.channels;
  return {{static_cast<unsigned>(tiles), static_cast<unsigned>(w.splits)}, walk_threads};
}

/// One for each tile, where more than one block shares it.
inline unsigned* counters_for(const Context& c, const ChannelWalk& w, const LaunchShape& shape) {
  return w.splits > 1 ? c.counters(shape.grid.x) : nullptr;
}

/// Calls f(WalkKind, walk) for the way to walk over x and its companions, which `fits` says are aligned. One channel or
/// one pixel a plane is both layouts at once: the walk over channels is the one with neighbouring threads side by side.
template <class T, class F>
void with_walk(const Context& c, const Tensor& x, bool fits, int chunk, F&& f) {
  constexpr int vector = static_cast<int>(16 / sizeof(T));
  const std::int64_t plane = x.numel() / (x.dim(0) * x.dim(1));
  const bool last = channels_last(x) || (plane == 1 && x.dim(1) > 1);
  const bool whole = fits && (last ? x.dim(1) : plane) % vector == 0;
  const ChannelWalk w = channel_walk(c, x, last, whole ? vector : 1, chunk);
  if (last && whole) return f(WalkKind<true, vector>{}, w);
  if (last) return f(WalkKind<true, 1>{}, w);
  if (whole) return f(WalkKind<false, vector>{}, w);
  return f(WalkKind<false, 1>{}, w);
}

}  // namespace engine::ENGINE_CUDA_NS

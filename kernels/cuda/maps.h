// Maps [N, C, H, W] as pooling and resizing see them, in either layout: images of pixels of channels. Channels-last
// memory is that already; plain memory is N * C images of one channel. So one kernel serves both: its threads take
// vectors of neighbouring channels, or single pixels of a row.
#pragma once

#include <algorithm>
#include <limits>

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

struct MapView {
  std::int64_t images, height, width, channels;
  std::int64_t pixels() const { return height * width; }
  std::int64_t image_size() const { return pixels() * channels; }
};

inline MapView map_view(const Shape& s, bool channels_last) {
  if (channels_last) return {s[0], s[2], s[3], s[1]};
  return {s[0] * s[1], s[2], s[3], 1};
}

/// Whether a map made from x should be channels-last. A single pixel is both: a vector of channels is cheap to
/// rearrange, the map it becomes is not, so that takes the fast layout.
inline bool wants_channels_last(const Tensor& x) {
  return channels_last(x) || (x.dim(1) > 1 && x.dim(2) * x.dim(3) == 1);
}
inline Tensor empty_map(Context& c, const Shape& shape, DType dtype, bool channels_last) {
  return channels_last ? empty_channels_last(c, shape, dtype) : empty(c, shape, dtype);
}

inline constexpr std::int64_t most_indices = std::numeric_limits<std::int32_t>::max();

/// Calls f(how many images, element where `from` begins, element where `to` begins) for ranges of images in which
/// 32-bit numbers count the elements of both maps.
template <class F>
void for_image_ranges(const MapView& from, const MapView& to, F&& f, std::int64_t most = most_indices) {
  const std::int64_t size = std::max(from.image_size(), to.image_size());
  if (size > most) throw UsageError("an image of {} elements is larger than the {} of a launch", size, most);
  const std::int64_t step = most / size;
  for (std::int64_t first = 0; first < to.images; first += step)
    f(std::min(step, to.images - first), first * from.image_size(), first * to.image_size());
}

}  // namespace engine::ENGINE_CUDA_NS

// Decoded pictures packed for a device that transforms them itself: only the samples that the results need, with the
// weights and the random decisions made.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/data/transforms.h"
#include "kernels/pictures.h"

namespace engine {

/// Buffers are kept by clear().
class PackedPictures {
 public:
  /// Begins a batch.
  void clear(const TransformPlan& plan);
  /// One picture more, of any number of channels: what transform(image, plan, key) would make of it.
  void add(const Image& image, const TransformPlan& plan, const RandomKey* key);

  std::size_t size() const { return pictures_.size(); }
  /// Its first n pictures.
  PackedPictures first(std::size_t n) const;
  /// Bytes that write() writes.
  std::size_t bytes() const { return static_cast<std::size_t>(batch().body) + body_.size(); }
  /// The pictures and, at batch().body, what they point to: Backend::transform_pictures takes it.
  void write(std::byte* to) const;
  PictureBatch batch() const;

 private:
  template <class T>
  std::int64_t append(const T* values, std::size_t n);
  std::int64_t room(std::size_t bytes);

  /// The last axis that was packed: pictures of one size share theirs.
  struct Axis {
    int in = 0;
    double begin = 0, end = 0;
    bool wide = false;
    PackedAxis packed;
    int first = 0, last = 0;  ///< samples that any result takes, without `last`
  };
  void add_axis(Axis& axis, int in, double begin, double end, int out, Interpolation how, bool wide);

  PictureBatch common_;
  Axis x_, y_;
  std::vector<PackedPicture> pictures_;
  std::vector<std::byte> body_;
};

}  // namespace engine

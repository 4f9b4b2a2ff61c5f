#include "engine/data/packed_pictures.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <span>

#include "engine/data/augment.h"
#include "engine/io/image_decode.h"
#include "engine/tensor/error.h"

namespace engine {
namespace {

constexpr std::size_t alignment = 16;
std::size_t aligned(std::size_t n) { return (n + alignment - 1) / alignment * alignment; }

}  // namespace

void PackedPictures::clear(const TransformPlan& plan) {
  pictures_.clear();
  body_.clear();
  common_ = {};
  x_ = y_ = {};
  common_.channels = plan.channels;
  common_.height = plan.height, common_.width = plan.width, common_.pad = plan.pad;
  for (std::size_t c = 0; c < plan.mean.size(); ++c) {
    common_.mean[c] = plan.mean[c];
    common_.inverse_deviation[c] = 1.0f / plan.deviation[c];
  }
}

std::int64_t PackedPictures::room(std::size_t bytes) {
  const std::size_t at = aligned(body_.size());
  body_.resize(at + bytes);
  return static_cast<std::int64_t>(at);
}

template <class T>
std::int64_t PackedPictures::append(const T* values, std::size_t n) {
  const std::int64_t at = room(n * sizeof(T));
  std::memcpy(body_.data() + at, values, n * sizeof(T));
  return at;
}

void PackedPictures::add_axis(Axis& axis, int in, double begin, double end, int out, Interpolation how, bool wide) {
  if (axis.in == in && axis.begin == begin && axis.end == end && axis.wide == wide) return;
  const AxisWeights w = axis_weights(in, begin, end, out, how);
  axis = {in, begin, end, wide, {}, w.first.front(), 0};
  for (std::size_t i = 0; i < w.first.size(); ++i) {
    axis.first = std::min(axis.first, w.first[i]);
    axis.last = std::max(axis.last, w.first[i] + w.count[i]);
  }
  std::vector<PackedRun> runs;
  for (std::size_t i = 0; i < w.first.size(); ++i) runs.push_back({w.first[i] - axis.first, w.count[i]});
  axis.packed.taps = w.taps;
  axis.packed.runs = append(runs.data(), runs.size());
  if (wide) {
    const std::vector<float> weights(w.weight.begin(), w.weight.end());
    axis.packed.weights = append(weights.data(), weights.size());
  } else {
    std::vector<std::int32_t> weights(w.weight.size());
    std::transform(w.weight.begin(), w.weight.end(), weights.begin(), fixed_weight);
    axis.packed.weights = append(weights.data(), weights.size());
  }
}

void PackedPictures::add(const Image& original, const TransformPlan& plan, const RandomKey* key) {
  const bool converts = original.channels != plan.channels;
  const Image converted = converts ? to_channels(original, plan.channels) : Image();
  const Image& image = converts ? converted : original;
  const Decisions d = decide(image.width, image.height, plan, key);
  add_axis(x_, image.width, d.box.left, d.box.right, plan.width, plan.interpolation, image.wide);
  add_axis(y_, image.height, d.box.top, d.box.bottom, plan.height, plan.interpolation, image.wide);

  PackedPicture p;
  p.width = x_.last - x_.first, p.height = y_.last - y_.first;
  p.wide = image.wide;
  p.x = x_.packed;
  p.y = y_.packed;
  const std::size_t pixel = static_cast<std::size_t>(plan.channels) * (image.wide ? 2 : 1);
  const std::size_t row = static_cast<std::size_t>(p.width) * pixel;
  p.samples = room(row * static_cast<std::size_t>(p.height));
  const auto* from = image.wide ? reinterpret_cast<const std::byte*>(image.samples16.data())
                                : reinterpret_cast<const std::byte*>(image.samples8.data());
  for (int r = 0; r < p.height; ++r)
    std::memcpy(body_.data() + p.samples + static_cast<std::size_t>(r) * row,
                from + (static_cast<std::size_t>(y_.first + r) * static_cast<std::size_t>(image.width) +
                        static_cast<std::size_t>(x_.first)) * pixel,
                row);
  p.narrow = common_.narrow_bytes;
  const std::size_t narrow = static_cast<std::size_t>(p.height) * static_cast<std::size_t>(plan.width) *
                             static_cast<std::size_t>(plan.channels) * (image.wide ? sizeof(float) : 1);
  common_.narrow_bytes += static_cast<std::int64_t>(aligned(narrow));
  common_.most_rows = std::max(common_.most_rows, p.height);
  p.flip_x = d.flip_x, p.flip_y = d.flip_y;
  if (d.degrees) {
    const double radians = static_cast<double>(*d.degrees) * std::numbers::pi / 180.0;
    p.rotated = 1;
    p.cosine = std::cos(radians), p.sine = std::sin(radians);
    common_.rotates = true;
  }
  p.color_steps = d.colors.steps;
  p.color_factors = d.colors.factors;
  for (const ColorStep step : p.color_steps) common_.colors = common_.colors || step != ColorStep::none;
  pictures_.push_back(p);
}

PackedPictures PackedPictures::first(std::size_t n) const {
  if (n > size()) throw UsageError("the first {} pictures of a batch of {}", n, size());
  PackedPictures part = *this;
  part.pictures_.resize(n);
  return part;
}

PictureBatch PackedPictures::batch() const {
  PictureBatch b = common_;
  b.count = static_cast<std::int32_t>(pictures_.size());
  b.body = static_cast<std::int64_t>(aligned(pictures_.size() * sizeof(PackedPicture)));
  return b;
}

void PackedPictures::write(std::byte* to) const {
  std::ranges::copy(std::as_bytes(std::span(pictures_)), to);
  std::ranges::copy(body_, to + batch().body);
}

}  // namespace engine

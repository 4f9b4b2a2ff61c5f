#include "engine/io/resize.h"

#include <algorithm>
#include <cmath>

#include "engine/tensor/error.h"
#include "engine/tensor/multiversion.h"

namespace engine {
namespace {

double filter_value(double x, Interpolation how) {
  x = std::abs(x);
  if (how == Interpolation::bilinear) return x < 1.0 ? 1.0 - x : 0.0;
  constexpr double a = -0.5;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

}  // namespace

AxisWeights axis_weights(int in, double begin, double end, int out, Interpolation how) {
  const double scale = (end - begin) / out, filter_scale = std::max(scale, 1.0);
  AxisWeights w;
  if (how == Interpolation::nearest) {
    w.taps = 1;
    w.weight.assign(static_cast<std::size_t>(out), 1.0);
    w.count.assign(static_cast<std::size_t>(out), 1);
    for (int i = 0; i < out; ++i)
      w.first.push_back(std::clamp(static_cast<int>(std::floor(begin + (i + 0.5) * scale)), 0, in - 1));
    return w;
  }
  const double support = (how == Interpolation::bilinear ? 1.0 : 2.0) * filter_scale;
  w.taps = static_cast<int>(std::ceil(support)) * 2 + 1;
  w.weight.assign(static_cast<std::size_t>(out) * static_cast<std::size_t>(w.taps), 0.0);
  for (int i = 0; i < out; ++i) {
    const double centre = begin + (i + 0.5) * scale;
    const int low = std::max(0, static_cast<int>(centre - support + 0.5));
    const int high = std::min(in, static_cast<int>(centre + support + 0.5));
    double* weight = w.weight.data() + static_cast<std::size_t>(i) * static_cast<std::size_t>(w.taps);
    double sum = 0.0;
    for (int k = 0; k < high - low; ++k) {
      weight[k] = filter_value((k + low - centre + 0.5) / filter_scale, how);
      sum += weight[k];
    }
    for (int k = 0; k < high - low && sum != 0.0; ++k) weight[k] /= sum;
    w.first.push_back(low);
    w.count.push_back(high - low);
  }
  return w;
}

// 22 fractional bits: 8 bits times a sum of weights up to about 2 stay inside an int.
constexpr int fraction_bits = resampling_fraction_bits;
static_assert(fraction_bits == 32 - 8 - 2);

int fixed_weight(double w) {
  return static_cast<int>(w < 0.0 ? w * (1 << fraction_bits) - 0.5 : w * (1 << fraction_bits) + 0.5);
}

namespace {

ENGINE_MULTIVERSION
void add_row(const std::uint8_t* row, int weight, int* sum, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += weight * row[i];
}
ENGINE_MULTIVERSION
void add_row(const float* row, float weight, float* sum, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) sum[i] += weight * row[i];
}
ENGINE_MULTIVERSION
void round_row(const int* sum, std::uint8_t* row, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) row[i] = static_cast<std::uint8_t>(std::clamp(sum[i] >> fraction_bits, 0, 255));
}

// How one sample type is accumulated.
struct Fixed {
  using Sample = std::uint8_t;
  using Sum = int;
  static constexpr Sum start = 1 << (fraction_bits - 1);
  static Sum weight(double w) { return fixed_weight(w); }
  static void finish(const Sum* sum, Sample* row, std::size_t n) { round_row(sum, row, n); }
};
struct Floating {
  using Sample = float;
  using Sum = float;
  static constexpr Sum start = 0.0f;
  static Sum weight(double w) { return static_cast<float>(w); }
  static void finish(const Sum* sum, Sample* row, std::size_t n) { std::copy(sum, sum + n, row); }
};

template <class A>
void horizontal(const typename A::Sample* in, int channels, const AxisWeights& w,
                const std::vector<typename A::Sum>& weights, typename A::Sample* out, int out_width) {
  typename A::Sum sums[4];
  for (int x = 0; x < out_width; ++x) {
    const auto* from = in + static_cast<std::ptrdiff_t>(w.first[static_cast<std::size_t>(x)]) * channels;
    const auto* weight = weights.data() + static_cast<std::ptrdiff_t>(x) * w.taps;
    for (int c = 0; c < channels; ++c) sums[c] = A::start;
    for (int k = 0; k < w.count[static_cast<std::size_t>(x)]; ++k)
      for (int c = 0; c < channels; ++c) sums[c] += weight[k] * from[k * channels + c];
    A::finish(sums, out + static_cast<std::ptrdiff_t>(x) * channels, static_cast<std::size_t>(channels));
  }
}

template <class A>
std::vector<typename A::Sample> resample(const std::vector<typename A::Sample>& in, int in_width, int in_height,
                                         int channels, int width, int height, Interpolation how, const Box& box) {
  using Sample = typename A::Sample;
  using Sum = typename A::Sum;
  const AxisWeights wx = axis_weights(in_width, box.left, box.right, width, how);
  const AxisWeights wy = axis_weights(in_height, box.top, box.bottom, height, how);
  const auto fixed = [](const AxisWeights& w) {
    std::vector<Sum> v(w.weight.size());
    std::transform(w.weight.begin(), w.weight.end(), v.begin(), [](double x) { return A::weight(x); });
    return v;
  };
  const std::vector<Sum> fx = fixed(wx), fy = fixed(wy);
  // Only the rows that the vertical pass will read.
  int first_row = in_height, last_row = 0;
  for (std::size_t y = 0; y < wy.first.size(); ++y) {
    first_row = std::min(first_row, wy.first[y]);
    last_row = std::max(last_row, wy.first[y] + wy.count[y]);
  }
  const auto in_stride = static_cast<std::size_t>(in_width) * static_cast<std::size_t>(channels);
  const auto stride = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  static thread_local std::vector<Sample> narrow;  // kept: giving back and faulting in pages costs a third of the time
  static thread_local std::vector<Sum> sums;
  narrow.resize(stride * static_cast<std::size_t>(std::max(0, last_row - first_row)));
  sums.resize(stride);
  for (int y = first_row; y < last_row; ++y)
    horizontal<A>(in.data() + static_cast<std::size_t>(y) * in_stride, channels, wx, fx,
                  narrow.data() + static_cast<std::size_t>(y - first_row) * stride, width);
  std::vector<Sample> out(stride * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    const auto row = static_cast<std::size_t>(y);
    std::fill(sums.begin(), sums.end(), A::start);
    for (int k = 0; k < wy.count[row]; ++k)
      add_row(narrow.data() + static_cast<std::size_t>(wy.first[row] + k - first_row) * stride,
              fy[row * static_cast<std::size_t>(wy.taps) + static_cast<std::size_t>(k)], sums.data(), stride);
    A::finish(sums.data(), out.data() + row * stride, stride);
  }
  return out;
}

Box checked_box(int width, int height, int to_width, int to_height, const std::optional<Box>& box) {
  const Box b = box.value_or(Box{0, 0, static_cast<double>(width), static_cast<double>(height)});
  if (to_width < 1 || to_height < 1) throw UsageError("resize: cannot make a picture of {}x{}", to_width, to_height);
  if (!(b.left >= 0 && b.top >= 0 && b.right <= width && b.bottom <= height && b.left < b.right && b.top < b.bottom))
    throw UsageError("resize: box [{}, {}) x [{}, {}) does not lie inside a {}x{} picture", b.left, b.right, b.top,
                     b.bottom, width, height);
  return b;
}

}  // namespace

Image resize(const Image& image, int width, int height, Interpolation how, std::optional<Box> box) {
  const Box b = checked_box(image.width, image.height, width, height, box);
  Image out;
  out.width = width, out.height = height, out.channels = image.channels, out.wide = image.wide;
  if (!image.wide) {
    out.samples8 =
        resample<Fixed>(image.samples8, image.width, image.height, image.channels, width, height, how, b);
    return out;
  }
  const std::vector<float> samples(image.samples16.begin(), image.samples16.end());
  const auto floats = resample<Floating>(samples, image.width, image.height, image.channels, width, height, how, b);
  out.samples16.resize(floats.size());
  std::transform(floats.begin(), floats.end(), out.samples16.begin(), [](float v) {
    return static_cast<std::uint16_t>(std::lround(std::clamp(v, 0.0f, 65535.0f)));
  });
  return out;
}

FloatImage resize(const FloatImage& image, int width, int height, Interpolation how, std::optional<Box> box) {
  const Box b = checked_box(image.width, image.height, width, height, box);
  return {width, height, image.channels,
          resample<Floating>(image.samples, image.width, image.height, image.channels, width, height, how, b)};
}

}  // namespace engine

#include "kernels/cuda/pictures.h"

#include "kernels/cuda/dispatch.cuh"

namespace engine::ENGINE_CUDA_NS {

/// The batch as kernels see it.
struct Pictures {
  const PackedPicture* pictures;
  const unsigned char* body;
  unsigned char* narrow;  // scratch: rows resampled along x
  PictureBatch all;

  template <class T>
  __device__ __forceinline__ const T* at(std::int64_t offset) const {
    return reinterpret_cast<const T*>(body + offset);
  }
  __device__ __forceinline__ int padded_width() const { return all.width + 2 * all.pad; }
  __device__ __forceinline__ int padded_height() const { return all.height + 2 * all.pad; }
};

// 8-bit samples are summed in Pillow's fixed point and rounded to 8 bits after each axis, 16-bit ones in float and
// rounded at the end: engine/io/resize.cpp says the same for the host.
struct FixedPoint {
  using Sample = std::uint8_t;
  using Weight = std::int32_t;
  using Sum = std::int32_t;
  using Narrow = std::uint8_t;
  static constexpr Sum start = 1 << (resampling_fraction_bits - 1);
  static __device__ __forceinline__ Sum add(Sum sum, Weight weight, Narrow v) { return sum + weight * v; }
  static __device__ __forceinline__ Narrow narrow(Sum sum) {
    return static_cast<std::uint8_t>(min(max(sum >> resampling_fraction_bits, 0), 255));
  }
  static __device__ __forceinline__ float result(Sum sum) { return static_cast<float>(narrow(sum)) * (1.0f / 255.0f); }
};
struct FloatingPoint {
  using Sample = std::uint16_t;
  using Weight = float;
  using Sum = float;
  using Narrow = float;
  static constexpr Sum start = 0.0f;
  static __device__ __forceinline__ Sum add(Sum sum, Weight weight, float v) { return fmaf(weight, v, sum); }
  static __device__ __forceinline__ Narrow narrow(Sum sum) { return sum; }
  static __device__ __forceinline__ float result(Sum sum) {
    return roundf(fminf(fmaxf(sum, 0.0f), 65535.0f)) * (1.0f / 65535.0f);
  }
};

template <class A, int C>
__device__ __forceinline__ void resample_row(const Pictures& p, const PackedPicture& picture, int row, int x) {
  const PackedRun run = p.at<PackedRun>(picture.x.runs)[x];
  const auto* weight = p.at<typename A::Weight>(picture.x.weights) + static_cast<std::int64_t>(x) * picture.x.taps;
  const auto* from = p.at<typename A::Sample>(picture.samples) +
                     (static_cast<std::int64_t>(row) * picture.width + run.first) * C;
  typename A::Sum sum[C];
#pragma unroll
  for (int c = 0; c < C; ++c) sum[c] = A::start;
  for (int k = 0; k < run.count; ++k)
#pragma unroll
    for (int c = 0; c < C; ++c) sum[c] = A::add(sum[c], weight[k], static_cast<typename A::Narrow>(from[k * C + c]));
  auto* to = reinterpret_cast<typename A::Narrow*>(p.narrow + picture.narrow) +
             (static_cast<std::int64_t>(row) * p.all.width + x) * C;
#pragma unroll
  for (int c = 0; c < C; ++c) to[c] = A::narrow(sum[c]);
}

// A thread makes one pixel of one row: blocks in x over the pixels of a picture, in y over the pictures.
template <int C>
__global__ void __launch_bounds__(256) resample_rows_kernel(Pictures p) {
  const PackedPicture& picture = p.pictures[blockIdx.y];
  const int pixels = picture.height * p.all.width;
  for (int i = static_cast<int>(global_thread()); i < pixels; i += static_cast<int>(global_threads())) {
    const int row = i / p.all.width, x = i % p.all.width;
    if (picture.wide)
      resample_row<FloatingPoint, C>(p, picture, row, x);
    else
      resample_row<FixedPoint, C>(p, picture, row, x);
  }
}

template <class A, int C>
__device__ __forceinline__ void resample_column(const Pictures& p, const PackedPicture& picture, int y, int x,
                                                float (&pixel)[C]) {
  const PackedRun run = p.at<PackedRun>(picture.y.runs)[y];
  const auto* weight = p.at<typename A::Weight>(picture.y.weights) + static_cast<std::int64_t>(y) * picture.y.taps;
  const auto* from = reinterpret_cast<const typename A::Narrow*>(p.narrow + picture.narrow) +
                     (static_cast<std::int64_t>(run.first) * p.all.width + x) * C;
  typename A::Sum sum[C];
#pragma unroll
  for (int c = 0; c < C; ++c) sum[c] = A::start;
  for (int k = 0; k < run.count; ++k)
#pragma unroll
    for (int c = 0; c < C; ++c)
      sum[c] = A::add(sum[c], weight[k], from[static_cast<std::int64_t>(k) * p.all.width * C + c]);
#pragma unroll
  for (int c = 0; c < C; ++c) pixel[c] = A::result(sum[c]);
}

// A pixel of picture n into the planes of the result, at place i of the padded picture.
template <int C>
__device__ __forceinline__ void write_planes(const Pictures& p, float* __restrict__ result, std::int64_t n, int i,
                                             const float (&pixel)[C]) {
  const std::int64_t plane = static_cast<std::int64_t>(p.padded_width()) * p.padded_height();
#pragma unroll
  for (int c = 0; c < C; ++c)
    result[(n * C + c) * plane + i] = (pixel[c] - p.all.mean[static_cast<std::size_t>(c)]) *
                                      p.all.inverse_deviation[static_cast<std::size_t>(c)];
}

// planes: normalised planes with padding; otherwise pixels [n, height, width, C] in [0, 1], to be worked on.
template <int C>
__global__ void __launch_bounds__(256) resample_columns_kernel(Pictures p, float* __restrict__ result, bool planes) {
  const std::int64_t n = blockIdx.y;
  const PackedPicture& picture = p.pictures[n];
  const int pad = planes ? p.all.pad : 0, width = p.all.width + 2 * pad, pixels = (p.all.height + 2 * pad) * width;
  for (int i = static_cast<int>(global_thread()); i < pixels; i += static_cast<int>(global_threads())) {
    int y = i / width - pad, x = i % width - pad;
    float pixel[C] = {};
    if (y >= 0 && y < p.all.height && x >= 0 && x < p.all.width) {
      if (picture.flip_y) y = p.all.height - 1 - y;
      if (picture.flip_x) x = p.all.width - 1 - x;
      if (picture.wide)
        resample_column<FloatingPoint, C>(p, picture, y, x, pixel);
      else
        resample_column<FixedPoint, C>(p, picture, y, x, pixel);
    }
    if (planes) {
      write_planes<C>(p, result, n, i, pixel);
    } else {
#pragma unroll
      for (int c = 0; c < C; ++c) result[(n * pixels + i) * C + c] = pixel[c];
    }
  }
}

// Bilinear, in double as on the host: where a source lies on a pixel's edge, rounding would pick other neighbours.
template <int C>
__global__ void __launch_bounds__(256)
    rotate_kernel(Pictures p, const float* __restrict__ from, float* __restrict__ to) {
  const PackedPicture& picture = p.pictures[blockIdx.y];
  const int width = p.all.width, height = p.all.height;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * width * height * C;
  const double cx = (width - 1) / 2.0, cy = (height - 1) / 2.0;
  for (int i = static_cast<int>(global_thread()); i < width * height; i += static_cast<int>(global_threads())) {
    const int x = i % width, y = i / width;
    float pixel[C];
    if (picture.rotated) {
      const double sx = picture.cosine * (x - cx) - picture.sine * (y - cy) + cx;
      const double sy = picture.sine * (x - cx) + picture.cosine * (y - cy) + cy;
      const int x0 = static_cast<int>(floor(sx)), y0 = static_cast<int>(floor(sy));
      const double fx = sx - x0, fy = sy - y0;
#pragma unroll
      for (int c = 0; c < C; ++c) {
        const auto sample = [&](int sample_x, int sample_y) {
          if (sample_x < 0 || sample_y < 0 || sample_x >= width || sample_y >= height) return 0.0;
          return static_cast<double>(from[first + (static_cast<std::int64_t>(sample_y) * width + sample_x) * C + c]);
        };
        pixel[c] = static_cast<float>((1 - fy) * ((1 - fx) * sample(x0, y0) + fx * sample(x0 + 1, y0)) +
                                      fy * ((1 - fx) * sample(x0, y0 + 1) + fx * sample(x0 + 1, y0 + 1)));
      }
    } else {
#pragma unroll
      for (int c = 0; c < C; ++c) pixel[c] = from[first + static_cast<std::int64_t>(i) * C + c];
    }
#pragma unroll
    for (int c = 0; c < C; ++c) to[first + static_cast<std::int64_t>(i) * C + c] = pixel[c];
  }
}

template <int C>
__device__ __forceinline__ float grey_of(const float (&v)[C]) {
  if constexpr (C == 3)
    return 0.299f * v[0] + 0.587f * v[1] + 0.114f * v[2];
  else
    return v[0];
}

__device__ __forceinline__ float blend(float a, float b, float factor) {
  return fminf(fmaxf(factor * a + (1.0f - factor) * b, 0.0f), 1.0f);
}

// Through HSV, as on the host.
__device__ __forceinline__ void turn_hue(float (&p)[3], float turn) {
  const float high = fmaxf(fmaxf(p[0], p[1]), p[2]), low = fminf(fminf(p[0], p[1]), p[2]), chroma = high - low;
  if (chroma <= 0.0f) return;
  float hue = high == p[0]   ? (p[1] - p[2]) / chroma
              : high == p[1] ? 2.0f + (p[2] - p[0]) / chroma
                             : 4.0f + (p[0] - p[1]) / chroma;
  hue = hue / 6.0f + turn;
  hue -= floorf(hue);
  const float offset[3] = {5.0f, 3.0f, 1.0f};
#pragma unroll
  for (int c = 0; c < 3; ++c) {
    const float n = fmodf(offset[c] + hue * 6.0f, 6.0f);
    p[c] = high - chroma * fminf(fmaxf(fminf(n, 4.0f - n), 0.0f), 1.0f);
  }
}

template <int C>
__device__ __forceinline__ void change_color(float (&v)[C], ColorStep step, float factor, float mean) {
  if (step == ColorStep::brightness) {
#pragma unroll
    for (int c = 0; c < C; ++c) v[c] = blend(v[c], 0.0f, factor);
  } else if (step == ColorStep::contrast) {
#pragma unroll
    for (int c = 0; c < C; ++c) v[c] = blend(v[c], mean, factor);
  } else if constexpr (C == 3) {
    if (step == ColorStep::saturation) {
      const float grey = grey_of<C>(v);
#pragma unroll
      for (int c = 0; c < C; ++c) v[c] = blend(v[c], grey, factor);
    } else if (step == ColorStep::hue) {
      turn_hue(v, factor);
    }
  }
}

constexpr unsigned color_threads = 512;

// A block changes one picture: contrast asks for the mean of all its pixels as they are then. Without steps it only
// writes the planes.
template <int C>
__global__ void __launch_bounds__(color_threads)
    color_kernel(Pictures p, float* __restrict__ pixels, float* __restrict__ result) {
  SHARED(double, partial, [color_threads]);
  const std::int64_t n = blockIdx.x;
  const PackedPicture& picture = p.pictures[n];
  const int count = p.all.width * p.all.height;
  float* mine = pixels + n * count * C;
  for (int s = 0; s < 4; ++s) {
    const ColorStep step = picture.color_steps[static_cast<std::size_t>(s)];
    const float factor = picture.color_factors[static_cast<std::size_t>(s)];
    if (step == ColorStep::none) continue;
    float mean = 0.0f;
    if (step == ColorStep::contrast) {  // of the whole block, and of one step at most
      double sum = 0.0;
      for (int i = static_cast<int>(threadIdx.x); i < count; i += color_threads) {
        float v[C];
#pragma unroll
        for (int c = 0; c < C; ++c) v[c] = mine[i * C + c];
        sum += static_cast<double>(grey_of<C>(v));
      }
      partial[threadIdx.x] = sum;
      __syncthreads();
      for (unsigned half = color_threads / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
        __syncthreads();
      }
      mean = static_cast<float>(partial[0] / count);
    }
    for (int i = static_cast<int>(threadIdx.x); i < count; i += color_threads) {
      float v[C];
#pragma unroll
      for (int c = 0; c < C; ++c) v[c] = mine[i * C + c];
      change_color<C>(v, step, factor, mean);
#pragma unroll
      for (int c = 0; c < C; ++c) mine[i * C + c] = v[c];
    }
  }
  __syncthreads();  // padding gives pixels to other threads
  const int width = p.padded_width();
  for (int i = static_cast<int>(threadIdx.x); i < width * p.padded_height(); i += color_threads) {
    const int y = i / width - p.all.pad, x = i % width - p.all.pad;
    float v[C] = {};
    if (y >= 0 && y < p.all.height && x >= 0 && x < p.all.width)
#pragma unroll
      for (int c = 0; c < C; ++c) v[c] = mine[(y * p.all.width + x) * C + c];
    write_planes<C>(p, result, n, i, v);
  }
}

template <int C>
static void transform_all(Context& c, const Pictures& p, const Tensor& packed, const Tensor& result) {
  const PictureBatch& b = p.all;
  const auto count = static_cast<unsigned>(b.count);
  const auto shape = [&](std::int64_t pixels) {
    return LaunchShape{{static_cast<unsigned>((pixels + 255) / 256), count}, {256}};
  };
  const std::int64_t pixels = static_cast<std::int64_t>(b.width) * b.height;
  const std::int64_t padded = result.numel() / std::max<std::int64_t>(std::int64_t{b.count} * b.channels, 1);
  const auto narrow = static_cast<double>(b.narrow_bytes), results = static_cast<double>(result.bytes());
  launch<resample_rows_kernel<C>>(c, shape(std::int64_t{b.most_rows} * b.width),
                                  {static_cast<double>(packed.bytes()) + narrow, 0}, p);
  const bool works_on = b.rotates || b.colors;
  Tensor floats = works_on ? empty(c, {b.count, pixels, C}, DType::f32) : result;
  launch<resample_columns_kernel<C>>(c, shape(works_on ? pixels : padded), {narrow + static_cast<double>(floats.bytes()), 0}, p,
                                     pointer<float>(floats), !works_on);
  if (!works_on) return;
  const auto bytes = static_cast<double>(floats.bytes());
  if (b.rotates) {
    const Tensor turned = empty(c, {b.count, pixels, C}, DType::f32);
    launch<rotate_kernel<C>>(c, shape(pixels), {2.0 * bytes, 0}, p, pointer<const float>(floats), pointer<float>(turned));
    floats = turned;
  }
  launch<color_kernel<C>>(c, {count, color_threads}, {bytes + results, 0}, p, pointer<float>(floats),
                          pointer<float>(result));
}

Tensor transform_pictures(Context& c, const Tensor& packed, const PictureBatch& b) {
  if (b.channels != 1 && b.channels != 3) throw UsageError("transform_pictures: {} channels", b.channels);
  if (b.body < b.count * static_cast<std::int64_t>(sizeof(PackedPicture)) || b.body > packed.numel())
    throw UsageError("transform_pictures: {} bytes do not hold {} pictures", packed.numel(), b.count);
  Tensor result = empty(c, {b.count, b.channels, b.height + 2 * b.pad, b.width + 2 * b.pad}, DType::f32);
  if (result.numel() == 0) return result;
  const Tensor narrow = empty(c, {b.narrow_bytes}, DType::u8);
  const Pictures p{pointer<const PackedPicture>(packed), pointer<const unsigned char>(packed) + b.body,
                   pointer<unsigned char>(narrow), b};
  if (b.channels == 3)
    transform_all<3>(c, p, packed, result);
  else
    transform_all<1>(c, p, packed, result);
  return result;
}

}  // namespace engine::ENGINE_CUDA_NS

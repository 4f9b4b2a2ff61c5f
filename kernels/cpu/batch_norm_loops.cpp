#include "kernels/cpu/batch_norm_loops.h"

#include <algorithm>

#include "engine/tensor/multiversion.h"

// The loops are templates on the number of lanes so that a lane loop is exactly one vector; always_inline puts a copy
// into each instruction-set clone of the functions below.
#define ENGINE_INLINE inline __attribute__((always_inline))

namespace engine::cpu {
namespace {

constexpr std::int64_t chunk = 512;  // positions: 32 KiB of 16 lanes

// Plain layout: a plane of one channel is summed in strips of 16 so that it vectorises too.
constexpr int strip = 16;

template <int L>
ENGINE_INLINE void chunk_moments(const float* x, std::int64_t n, float* mean, double* m2) {
  float sum[L] = {}, squares[L] = {}, rest[L] = {};
  for (std::int64_t i = 0; i < n; ++i)
    for (int l = 0; l < L; ++l) sum[l] += x[i * L + l];
  for (int l = 0; l < L; ++l) mean[l] = sum[l] / static_cast<float>(n);
  for (std::int64_t i = 0; i < n; ++i)
    for (int l = 0; l < L; ++l) {
      const float d = x[i * L + l] - mean[l];
      squares[l] += d * d;
      rest[l] += d;
    }
  // The rounding error of the mean, found by the second pass.
  for (int l = 0; l < L; ++l) {
    const float correction = rest[l] / static_cast<float>(n);
    mean[l] += correction;
    // In double, where the product cannot overflow: an infinite variance stays infinite.
    m2[l] = static_cast<double>(squares[l]) - static_cast<double>(rest[l]) * static_cast<double>(correction);
  }
}

template <int L>
ENGINE_INLINE void plane_moments(const float* x, std::int64_t plane, Moments& out) {
  for (std::int64_t i = 0; i < plane; i += chunk) {
    const std::int64_t n = std::min(chunk, plane - i);
    float mean[L];
    double m2[L];
    chunk_moments<L>(x + i * L, n, mean, m2);
    Moments part;
    part.count = static_cast<double>(n);
    for (int l = 0; l < L; ++l) {
      part.mean[l] = mean[l];
      part.m2[l] = std::max(0.0, m2[l]) + (m2[l] != m2[l] ? m2[l] : 0.0);  // NaN stays
    }
    out.merge(part, L);
  }
}

// One channel of n values as `strip` interleaved columns plus a tail.
ENGINE_INLINE void single_moments(const float* x, std::int64_t plane, Moments& out) {
  const std::int64_t rows = plane / strip;
  Moments columns;
  if (rows > 0) plane_moments<strip>(x, rows, columns);
  for (int l = 0; l < strip && rows > 0; ++l) {
    Moments one;
    one.count = columns.count;
    one.mean[0] = columns.mean[l];
    one.m2[0] = columns.m2[l];
    out.merge(one, 1);
  }
  if (plane > rows * strip) plane_moments<1>(x + rows * strip, plane - rows * strip, out);
}

template <int L, bool residual, bool relu>
ENGINE_INLINE void normalize_lanes(const float* x, const float* r, float* y, std::int64_t n, const LaneConstants& c) {
  for (std::int64_t i = 0; i < n; ++i)
    for (int l = 0; l < L; ++l) {
      const std::int64_t k = i * L + l;
      float v = (x[k] - c.mean[l]) * c.scale[l] + c.shift[l];
      if (residual) v += r[k];
      if (relu) v = v < 0.0f ? 0.0f : v;
      y[k] = v;
    }
}

template <int L>
ENGINE_INLINE void normalize_any(const float* x, const float* r, float* y, std::int64_t n, const LaneConstants& c,
                                 bool relu) {
  if (r)
    relu ? normalize_lanes<L, true, true>(x, r, y, n, c) : normalize_lanes<L, true, false>(x, r, y, n, c);
  else
    relu ? normalize_lanes<L, false, true>(x, r, y, n, c) : normalize_lanes<L, false, false>(x, r, y, n, c);
}

enum class Mask { none, given, given_for_two, computed };

Mask mask_of(const GradientSource& s) {
  if (!s.relu) return Mask::none;
  if (!s.y) return Mask::computed;
  return s.more ? Mask::given_for_two : Mask::given;
}

// The gradient behind the ReLU at element k of lane l.
template <Mask mask>
ENGINE_INLINE float masked(const GradientSource& s, std::int64_t k, int l, const LaneConstants& c) {
  const float dy = mask == Mask::given_for_two ? s.dy[k] + s.more[k] : s.dy[k];
  if (mask == Mask::none) return dy;
  const float y = mask != Mask::computed ? s.y[k] : (s.x[k] - c.mean[l]) * c.scale[l] + c.shift[l];
  return y <= 0.0f ? 0.0f : dy;
}

template <int L, Mask mask, bool store>
ENGINE_INLINE void sums_lanes(const GradientSource s, float* g_out, std::int64_t plane, const LaneConstants& c,
                              GradientSums& out) {
  for (std::int64_t begin = 0; begin < plane; begin += chunk) {
    const std::int64_t n = std::min(chunk, plane - begin);
    float sum_g[L] = {}, sum_gx[L] = {};
    for (std::int64_t i = begin; i < begin + n; ++i)
      for (int l = 0; l < L; ++l) {
        const std::int64_t k = i * L + l;
        const float g = masked<mask>(s, k, l, c);
        sum_g[l] += g;
        sum_gx[l] += g * (s.x[k] - c.mean[l]);
        if (store) g_out[k] = g;
      }
    for (int l = 0; l < L; ++l) {
      out.g[l] += static_cast<double>(sum_g[l]);
      out.gx[l] += static_cast<double>(sum_gx[l]);
    }
  }
}

template <int L, Mask mask>
ENGINE_INLINE void sums_masked(const GradientSource& s, float* g, std::int64_t plane, const LaneConstants& c,
                               GradientSums& out) {
  g ? sums_lanes<L, mask, true>(s, g, plane, c, out) : sums_lanes<L, mask, false>(s, g, plane, c, out);
}

template <int L>
ENGINE_INLINE void sums_any(const GradientSource& s, float* g, std::int64_t plane, const LaneConstants& c,
                            GradientSums& out) {
  switch (mask_of(s)) {
    case Mask::none: return sums_masked<L, Mask::none>(s, g, plane, c, out);
    case Mask::given: return sums_masked<L, Mask::given>(s, g, plane, c, out);
    case Mask::given_for_two: return sums_masked<L, Mask::given_for_two>(s, g, plane, c, out);
    case Mask::computed: return sums_masked<L, Mask::computed>(s, g, plane, c, out);
  }
}

template <int L, Mask mask>
ENGINE_INLINE void gradient_lanes(const GradientSource s, float* dx, std::int64_t n, const LaneConstants& c) {
  for (std::int64_t i = 0; i < n; ++i)
    for (int l = 0; l < L; ++l) {
      const std::int64_t k = i * L + l;
      const float g = masked<mask>(s, k, l, c);
      dx[k] = c.scale[l] * (g - c.mean_g[l] - (s.x[k] - c.mean[l]) * c.mean_gx[l]);
    }
}

template <int L>
ENGINE_INLINE void gradient_any(const GradientSource& s, float* dx, std::int64_t n, const LaneConstants& c) {
  switch (mask_of(s)) {
    case Mask::none: return gradient_lanes<L, Mask::none>(s, dx, n, c);
    case Mask::given: return gradient_lanes<L, Mask::given>(s, dx, n, c);
    case Mask::given_for_two: return gradient_lanes<L, Mask::given_for_two>(s, dx, n, c);
    case Mask::computed: return gradient_lanes<L, Mask::computed>(s, dx, n, c);
  }
}

LaneConstants spread(const LaneConstants& c) {
  LaneConstants all;
  for (int l = 0; l < max_lanes; ++l) {
    all.mean[l] = c.mean[0], all.scale[l] = c.scale[0], all.shift[l] = c.shift[0];
    all.mean_g[l] = c.mean_g[0], all.mean_gx[l] = c.mean_gx[0];
  }
  return all;
}

}  // namespace

void Moments::merge(const Moments& b, int lanes) {
  if (b.count == 0) return;
  const double total = count + b.count;
  for (int l = 0; l < lanes; ++l) {
    const double delta = b.mean[l] - mean[l];
    mean[l] += delta * b.count / total;
    m2[l] += b.m2[l] + delta * delta * count * b.count / total;
  }
  count = total;
}

ENGINE_MULTIVERSION
void moments(const float* x, std::int64_t plane, int lanes, Moments& out) {
  switch (lanes) {
    case 16: return plane_moments<16>(x, plane, out);
    case 8: return plane_moments<8>(x, plane, out);
    default: return single_moments(x, plane, out);
  }
}

ENGINE_MULTIVERSION
void normalize(const float* x, const float* residual, float* y, std::int64_t plane, int lanes, const LaneConstants& c,
               bool relu) {
  switch (lanes) {
    case 16: return normalize_any<16>(x, residual, y, plane, c, relu);
    case 8: return normalize_any<8>(x, residual, y, plane, c, relu);
    default: return normalize_any<1>(x, residual, y, plane, c, relu);
  }
}

ENGINE_MULTIVERSION
void gradient_sums(const GradientSource& s, float* masked_dy, std::int64_t plane, int lanes, const LaneConstants& c,
                   GradientSums& out) {
  switch (lanes) {
    case 16: return sums_any<16>(s, masked_dy, plane, c, out);
    case 8: return sums_any<8>(s, masked_dy, plane, c, out);
    default: break;
  }
  const std::int64_t rows = plane / strip, done = rows * strip;
  GradientSums columns;
  sums_any<strip>(s, masked_dy, rows, spread(c), columns);
  for (int l = 0; l < strip; ++l) {
    out.g[0] += columns.g[l];
    out.gx[0] += columns.gx[l];
  }
  const GradientSource rest{s.x + done, s.y ? s.y + done : nullptr, s.dy + done, s.more ? s.more + done : nullptr, s.relu};
  sums_any<1>(rest, masked_dy ? masked_dy + done : nullptr, plane - done, c, out);
}

ENGINE_MULTIVERSION
void input_gradient(const GradientSource& s, float* dx, std::int64_t plane, int lanes, const LaneConstants& c) {
  switch (lanes) {
    case 16: return gradient_any<16>(s, dx, plane, c);
    case 8: return gradient_any<8>(s, dx, plane, c);
    default: return gradient_any<1>(s, dx, plane, c);
  }
}

}  // namespace engine::cpu

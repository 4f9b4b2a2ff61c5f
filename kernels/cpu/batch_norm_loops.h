// Batch norm's passes over one (image, channel group) at a time. A group is `lanes` channels side by side (the block of
// a blocked layout) or, in plain layout, one channel alone.
#pragma once

#include <cstdint>

namespace engine::cpu {

inline constexpr int max_lanes = 16;

/// Mean and sum of squared deviations of `count` values, per lane.
struct Moments {
  double count = 0;
  double mean[max_lanes] = {};
  double m2[max_lanes] = {};
  /// Chan, Golub and LeVeque 1983: statistics of the union.
  void merge(const Moments& other, int lanes);
};

/// Per-lane constants of a pass; plain layout uses entry 0.
struct LaneConstants {
  float mean[max_lanes], scale[max_lanes], shift[max_lanes], mean_g[max_lanes], mean_gx[max_lanes];
};

/// Sums over a plane of g and of g * (x - mean), per lane.
struct GradientSums {
  double g[max_lanes] = {};
  double gx[max_lanes] = {};
};

/// Statistics of x[plane][lanes], in chunks that stay in cache: two passes over each, then merge().
void moments(const float* x, std::int64_t plane, int lanes, Moments& out);

/// y = (x - mean) * scale + shift (+ residual), then ReLU where asked. NaN stays NaN. residual may be null.
void normalize(const float* x, const float* residual, float* y, std::int64_t plane, int lanes, const LaneConstants& c,
               bool relu);

/// What the passes of backward read: g = dy, or with `relu` dy where the activation was positive. The activation is y
/// where given, else (x - mean) * scale + shift once more. With relu and y, `more` is added to dy if it is there.
struct GradientSource {
  const float *x, *y, *dy, *more;
  bool relu;
};

/// Adds the sums of g to `out` and writes g where masked_dy is given.
void gradient_sums(const GradientSource& s, float* masked_dy, std::int64_t plane, int lanes, const LaneConstants& c,
                   GradientSums& out);

/// dx = scale * (g - mean_g - (x - mean) * mean_gx).
void input_gradient(const GradientSource& s, float* dx, std::int64_t plane, int lanes, const LaneConstants& c);

}  // namespace engine::cpu

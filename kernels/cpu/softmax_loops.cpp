#include "kernels/cpu/softmax_loops.h"

#include <cmath>
#include <limits>

#include "engine/tensor/multiversion.h"
#include "kernels/cpu/vector_math.h"

namespace engine::cpu {
namespace {

constexpr int softmax_lanes = 16;

// The largest value; a NaN may be passed over, it shows in the sum of exponentials.
ENGINE_INLINE float row_max(const float* x, std::int64_t n) {
  float best[softmax_lanes];
  for (int l = 0; l < softmax_lanes; ++l) best[l] = -std::numeric_limits<float>::infinity();
  std::int64_t i = 0;
  for (; i + softmax_lanes <= n; i += softmax_lanes)
    for (int l = 0; l < softmax_lanes; ++l) best[l] = x[i + l] > best[l] ? x[i + l] : best[l];
  float max = -std::numeric_limits<float>::infinity();
  for (; i < n; ++i) max = x[i] > max ? x[i] : max;
  for (int l = 0; l < softmax_lanes; ++l) max = best[l] > max ? best[l] : max;
  return max;
}

// Sum of f(i) over [0, n) in double.
template <class F>
ENGINE_INLINE double row_sum(std::int64_t n, F f) {
  double acc[softmax_lanes] = {};
  std::int64_t i = 0;
  for (; i + softmax_lanes <= n; i += softmax_lanes)
    for (int l = 0; l < softmax_lanes; ++l) acc[l] += static_cast<double>(f(i + l));
  double sum = 0;
  for (; i < n; ++i) sum += static_cast<double>(f(i));
  for (int l = 0; l < softmax_lanes; ++l) sum += acc[l];
  return sum;
}

struct Product {
  const float *a, *b;
  ENGINE_INLINE float operator()(std::int64_t i) const { return a[i] * b[i]; }
};
struct Value {
  const float* x;
  ENGINE_INLINE float operator()(std::int64_t i) const { return x[i]; }
};

}  // namespace

ENGINE_MULTIVERSION
void softmax_row(const float* x, float* y, std::int64_t n, bool logarithm) {
  const float max = row_max(x, n);
  for (std::int64_t i = 0; i < n; ++i) y[i] = vector_exp(x[i] - max);
  const double sum = row_sum(n, Value{y});
  if (logarithm) {
    const double shift = static_cast<double>(max) + std::log(sum);
    for (std::int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(static_cast<double>(x[i]) - shift);
  } else {
    const auto factor = static_cast<float>(1.0 / sum);
    for (std::int64_t i = 0; i < n; ++i) y[i] *= factor;
  }
}

ENGINE_MULTIVERSION
void softmax_strip(const float* x, float* y, const Strip& s, bool logarithm) {
  float max[softmax_columns];
  double sum[softmax_columns] = {}, shift[softmax_columns];
  for (std::int64_t c = 0; c < s.width; ++c) max[c] = -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < s.length; ++i)
    for (std::int64_t c = 0; c < s.width; ++c) {
      const float v = x[i * s.stride + c];
      max[c] = v > max[c] ? v : max[c];
    }
  for (std::int64_t i = 0; i < s.length; ++i)
    for (std::int64_t c = 0; c < s.width; ++c) sum[c] += static_cast<double>(vector_exp(x[i * s.stride + c] - max[c]));
  if (logarithm) {
    for (std::int64_t c = 0; c < s.width; ++c) shift[c] = static_cast<double>(max[c]) + std::log(sum[c]);
    for (std::int64_t i = 0; i < s.length; ++i)
      for (std::int64_t c = 0; c < s.width; ++c)
        y[i * s.stride + c] = static_cast<float>(static_cast<double>(x[i * s.stride + c]) - shift[c]);
  } else {
    for (std::int64_t i = 0; i < s.length; ++i)
      for (std::int64_t c = 0; c < s.width; ++c)
        y[i * s.stride + c] = vector_exp(x[i * s.stride + c] - max[c]) * static_cast<float>(1.0 / sum[c]);
  }
}

ENGINE_MULTIVERSION
void softmax_row_backward(const float* y, const float* dy, float* dx, std::int64_t n, bool logarithm) {
  if (logarithm) {
    const auto sum = static_cast<float>(row_sum(n, Value{dy}));
    for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] - vector_exp(y[i]) * sum;
  } else {
    const auto sum = static_cast<float>(row_sum(n, Product{y, dy}));
    for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - sum);
  }
}

ENGINE_MULTIVERSION
void softmax_strip_backward(const float* y, const float* dy, float* dx, const Strip& s, bool logarithm) {
  double sum[softmax_columns] = {};
  float rounded[softmax_columns];
  for (std::int64_t i = 0; i < s.length; ++i)
    for (std::int64_t c = 0; c < s.width; ++c) {
      const std::int64_t k = i * s.stride + c;
      sum[c] += static_cast<double>(logarithm ? dy[k] : y[k] * dy[k]);
    }
  for (std::int64_t c = 0; c < s.width; ++c) rounded[c] = static_cast<float>(sum[c]);
  for (std::int64_t i = 0; i < s.length; ++i)
    for (std::int64_t c = 0; c < s.width; ++c) {
      const std::int64_t k = i * s.stride + c;
      dx[k] = logarithm ? dy[k] - vector_exp(y[k]) * rounded[c] : y[k] * (dy[k] - rounded[c]);
    }
}

ENGINE_MULTIVERSION
void cross_entropy_row_backward(const float* log_prob, const float* weight, float* dx, std::int64_t n, float a,
                                float b) {
  if (weight)
    for (std::int64_t i = 0; i < n; ++i) dx[i] = a * vector_exp(log_prob[i]) - b * weight[i];
  else
    for (std::int64_t i = 0; i < n; ++i) dx[i] = a * vector_exp(log_prob[i]) - b;
}

}  // namespace engine::cpu

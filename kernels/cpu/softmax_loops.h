// Softmax and its logarithm along one dimension, by rows (that dimension is contiguous) or by columns.
#pragma once

#include <cstdint>

namespace engine::cpu {

inline constexpr std::int64_t softmax_columns = 64;  ///< most columns of one call

/// Where the values of some softmaxes lie: value i of softmax c is at i * stride + c.
struct Strip {
  std::int64_t length, stride, width;
};

/// y = softmax(x), or its logarithm; n contiguous values.
void softmax_row(const float* x, float* y, std::int64_t n, bool logarithm);
void softmax_strip(const float* x, float* y, const Strip& s, bool logarithm);

/// dx for the cotangent dy and the result y of the forward pass.
void softmax_row_backward(const float* y, const float* dy, float* dx, std::int64_t n, bool logarithm);
void softmax_strip_backward(const float* y, const float* dy, float* dx, const Strip& s, bool logarithm);

/// dx[c] = a * exp(log_prob[c]) - b * weight[c], weight = 1 where it is null: a row of cross-entropy's gradient.
void cross_entropy_row_backward(const float* log_prob, const float* weight, float* dx, std::int64_t n, float a,
                                float b);

}  // namespace engine::cpu

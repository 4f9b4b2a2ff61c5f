// The differentiable functions. Each calls one operation of the backend (contracts: kernels/ops.def) and writes down
// its gradient. All inputs of a call live on one device; an undefined Variable stands for an absent optional input.
#pragma once

#include <vector>

#include "engine/autograd/variable.h"
#include "engine/tensor/philox.h"
#include "kernels/types.h"

namespace engine {

// ---- convolution and products: convolution.cpp
Variable conv2d(const Variable& x, const Variable& weight, const Variable& bias, const Conv2dParams& p);
/// a b with optional transposition of either (rank 2).
Variable matmul(const Variable& a, const Variable& b, bool transpose_a = false, bool transpose_b = false);
/// x [N, I] times weight [O, I] transposed, plus optional bias [O].
Variable linear(const Variable& x, const Variable& weight, const Variable& bias);

// ---- normalisation: normalization.cpp
/// Running statistics to update (train) or to use (eval); both [C], on x's device.
struct RunningStatistics {
  Tensor mean, var;
};
/// Batch statistics; `residual` (optional) is added before the ReLU of p.
Variable batch_norm_train(const Variable& x, const Variable& residual, const Variable& weight, const Variable& bias,
                          const RunningStatistics& update, const BatchNormParams& p);
/// Given statistics.
Variable batch_norm_eval(const Variable& x, const Variable& residual, const Variable& weight, const Variable& bias,
                         const RunningStatistics& use, const BatchNormParams& p);
/// Over the last `axes` dimensions.
Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, int axes, double eps);

// ---- elementwise: elementwise.cpp
Variable activation(const Variable& x, const ActivationParams& p);
Variable relu(const Variable& x);
Variable add(const Variable& a, const Variable& b);
Variable mul(const Variable& a, const Variable& b);
Variable scale(const Variable& x, double factor);
/// x in another floating type (x itself where it has it); its gradient comes back in x's own.
Variable cast(const Variable& x, DType dtype);
/// The same where `value` holds x's numbers in the other type already: only the gradient is cast.
Variable cast_as(const Variable& x, Tensor value);
/// Inverted dropout with probability p of dropping; the same key drops the same elements.
Variable dropout(const Variable& x, double p, const RandomKey& key);

// ---- shape: shape.cpp
Variable concat(const std::vector<Variable>& xs, int axis);
Variable slice(const Variable& x, const std::vector<std::int64_t>& begin, const Shape& extent);
Variable pad(const Variable& x, const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after,
             double value = 0.0);
Variable reshape(const Variable& x, const Shape& shape);
/// Joins all dimensions after the first.
Variable flatten(const Variable& x);
Variable transpose(const Variable& x, const std::vector<int>& axes);
Variable broadcast_to(const Variable& x, const Shape& shape);

// ---- reductions: shape.cpp
Variable sum(const Variable& x, const std::vector<int>& axes, bool keep = false);
Variable mean(const Variable& x, const std::vector<int>& axes, bool keep = false);

// ---- pooling and resizing: pooling.cpp
Variable max_pool2d(const Variable& x, const Pool2dParams& p);
Variable avg_pool2d(const Variable& x, const Pool2dParams& p);
Variable adaptive_avg_pool2d(const Variable& x, std::int64_t height, std::int64_t width);
/// [N, C, H, W] -> [N, C, 1, 1].
Variable global_avg_pool2d(const Variable& x);
Variable resize_bilinear(const Variable& x, std::int64_t height, std::int64_t width);

// ---- softmax and losses: losses.cpp
Variable softmax(const Variable& x, int axis);
Variable log_softmax(const Variable& x, int axis);
/// target: i64 [N]; class_weight: optional tensor [C].
Variable softmax_cross_entropy(const Variable& logits, const Tensor& target, const Tensor& class_weight = {},
                               const CrossEntropyParams& p = {});
/// target: logits' shape and dtype, -1 = missing; pos_weight: optional tensor [C].
Variable bce_with_logits(const Variable& logits, const Tensor& target, const Tensor& pos_weight = {},
                         const BceParams& p = {});

}  // namespace engine

// Shape checks that every backend makes before it computes. Each throws UsageError naming the op, what it expected and
// what it found.
#pragma once

#include <string_view>

#include "kernels/types.h"

namespace engine {

void check_same_shape(std::string_view op, const Tensor& a, const Tensor& b);
/// t has this shape (or is undefined, where `optional` says so).
void check_shape(std::string_view op, std::string_view name, const Tensor& t, const Shape& expected,
                 bool optional = false);
/// Axes are distinct and inside the rank.
void check_axes(std::string_view op, const Tensor& x, const std::vector<int>& axes);
void check_axis(std::string_view op, const Tensor& x, int axis);
/// Floating tensors of one type, and a floating type to cast them to.
void check_cast_all(const std::vector<Tensor>& xs, DType dtype);

/// x [N,C,...]; weight, bias, mean and var [C], mean and var both or (in training) none; residual of x's shape or absent.
void check_batch_norm(std::string_view op, const Tensor& x, const Tensor& residual, const Tensor& weight,
                      const Tensor& bias, const Tensor& mean, const Tensor& var);
/// `spread` is inv_std or var; y may be absent, then shift [C] must be there where p.relu.
void check_batch_norm_backward(std::string_view op, const Tensor& x, const Tensor& y, const Tensor& weight,
                               const Tensor& mean, const Tensor& spread, const Tensor& shift, const Tensor& dy,
                               const BatchNormParams& p);
/// Weight and bias have the shape of x's last `axes` dimensions.
void check_layer_norm(std::string_view op, const Tensor& x, const Tensor& weight, const Tensor& bias, int axes);
/// mean and inv_std hold one value a row, dy has x's shape.
void check_layer_norm_backward(std::string_view op, const Tensor& x, const Tensor& weight, const Tensor& mean,
                               const Tensor& inv_std, const Tensor& dy, int axes);
/// Returns the joined shape.
Shape check_concat(const std::vector<Tensor>& xs, int axis);
void check_slice(const Tensor& x, const std::vector<std::int64_t>& begin, const Shape& extent);
/// Returns the padded shape.
Shape check_pad(const Tensor& x, const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after);
/// Returns the permuted shape.
Shape check_transpose(const Tensor& x, const std::vector<int>& axes);
void check_broadcast_to(const Shape& from, const Shape& to);
/// Returns the reduced shape; reduced dimensions stay with extent 1 where `keep` is set.
Shape check_reduction(std::string_view op, const Tensor& x, const std::vector<int>& axes, bool keep);
/// `to` broadcasts to `from`.
void check_sum_to(const Shape& from, const Shape& to);
/// a [n,n] of f32 or f64.
void check_eigh(const Tensor& a);
/// a [m,n] of f32 or f64.
void check_svd(const Tensor& a);
/// Windows of at most 256 positions, so that one byte names a position.
void check_max_pool(const Pool2dParams& p);
void check_map(std::string_view op, const Shape& x);
/// dy [N,C,OH,OW] is the gradient of a map made from `input` [N,C,H,W].
void check_map_backward(std::string_view op, const Tensor& dy, const Shape& input);
/// logits [N,C], target i64 [N], class_weight [C] or absent.
void check_cross_entropy(std::string_view op, const Tensor& logits, const Tensor& target, const Tensor& class_weight);
void check_bce(std::string_view op, const Tensor& logits, const Tensor& target, const Tensor& pos_weight);
/// x [n,p] of a floating type; products [p,p], sums [p] and pivot [p] of f64.
void check_covariance(const Tensor& products, const Tensor& sums, const Tensor& x, const Tensor& pivot);
/// As many values as averages, of the same shapes; norm undefined or an f32 scalar.
void check_ema(const std::vector<Tensor>& averages, const std::vector<Tensor>& values, const Tensor& norm);
/// Every tensor of a slot that is defined has the parameter's shape; m and v are there where the op needs them.
void check_update(std::string_view op, const std::vector<OptimizerSlot>& slots, bool needs_m, bool needs_v,
                  const UpdateNumbers& now);
/// At least one gradient; loss_scale undefined or an f32 scalar.
void check_clip(const std::vector<Tensor>& grads, const Tensor& loss_scale);

}  // namespace engine

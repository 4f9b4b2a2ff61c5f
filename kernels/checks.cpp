#include "kernels/checks.h"

#include <algorithm>

namespace engine {
namespace {

// Sixteen bits leave nothing of small values.
void check_full_precision(std::string_view op, const Tensor& a) {
  if (a.dtype() != DType::f32 && a.dtype() != DType::f64)
    throw UsageError("{}: decompositions take f32 or f64, found {}", op, a.str());
}

}  // namespace

void check_same_shape(std::string_view op, const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape())
    throw UsageError("{}: shapes must agree, found {} and {}", op, a.shape().str(), b.shape().str());
}

void check_shape(std::string_view op, std::string_view name, const Tensor& t, const Shape& expected, bool optional) {
  if (optional && !t.defined()) return;
  if (!t.defined() || t.shape() != expected)
    throw UsageError("{}: expected {} of shape {}, found {}", op, name, expected.str(), t.str());
}

void check_axis(std::string_view op, const Tensor& x, int axis) {
  if (axis < 0 || axis >= x.shape().rank())
    throw UsageError("{}: axis {} is outside of {}", op, axis, x.shape().str());
}

void check_axes(std::string_view op, const Tensor& x, const std::vector<int>& axes) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    check_axis(op, x, axes[i]);
    if (std::count(axes.begin(), axes.end(), axes[i]) > 1) throw UsageError("{}: axis {} given twice", op, axes[i]);
  }
}

void check_batch_norm(std::string_view op, const Tensor& x, const Tensor& residual, const Tensor& weight,
                      const Tensor& bias, const Tensor& mean, const Tensor& var) {
  if (x.shape().rank() < 2) throw UsageError("{}: expected x [N,C,...], found {}", op, x.shape().str());
  const Shape channels{x.dim(1)};
  check_shape(op, "weight", weight, channels);
  check_shape(op, "bias", bias, channels);
  const bool optional = op == "batch_norm_train" && !mean.defined() && !var.defined();
  check_shape(op, "mean", mean, channels, optional);
  check_shape(op, "variance", var, channels, optional);
  if (residual.defined()) check_same_shape(op, x, residual);
}

void check_batch_norm_backward(std::string_view op, const Tensor& x, const Tensor& y, const Tensor& weight,
                               const Tensor& mean, const Tensor& spread, const Tensor& shift, const Tensor& dy,
                               const BatchNormParams& p) {
  check_batch_norm(op, x, {}, weight, weight, mean, spread);
  check_same_shape(op, x, dy);
  if (!p.relu) return;
  if (y.defined())
    check_shape(op, "y", y, x.shape());
  else
    check_shape(op, "shift", shift, {x.dim(1)});
}

void check_layer_norm(std::string_view op, const Tensor& x, const Tensor& weight, const Tensor& bias, int axes) {
  if (axes < 1 || axes > x.shape().rank())
    throw UsageError("{}: cannot normalise over {} dimensions of {}", op, axes, x.shape().str());
  const auto& dims = x.shape().dims();
  const Shape tail(std::vector<std::int64_t>(dims.end() - axes, dims.end()));
  check_shape(op, "weight", weight, tail);
  check_shape(op, "bias", bias, tail);
}

void check_layer_norm_backward(std::string_view op, const Tensor& x, const Tensor& weight, const Tensor& mean,
                               const Tensor& inv_std, const Tensor& dy, int axes) {
  check_layer_norm(op, x, weight, weight, axes);
  const auto& dims = x.shape().dims();
  const Shape rows(std::vector<std::int64_t>(dims.begin(), dims.end() - axes));
  check_shape(op, "mean", mean, rows);
  check_shape(op, "inv_std", inv_std, rows);
  check_same_shape(op, x, dy);
}

Shape check_concat(const std::vector<Tensor>& xs, int axis) {
  if (xs.empty()) throw UsageError("concat: needs at least one tensor");
  check_axis("concat", xs[0], axis);
  std::int64_t total = 0;
  for (const Tensor& x : xs) {
    if (x.shape().rank() != xs[0].shape().rank() || x.shape().with(axis, 0) != xs[0].shape().with(axis, 0) ||
        x.dtype() != xs[0].dtype())
      throw UsageError("concat along {}: {} does not fit {}", axis, x.str(), xs[0].str());
    total += x.dim(axis);
  }
  return xs[0].shape().with(axis, total);
}

void check_slice(const Tensor& x, const std::vector<std::int64_t>& begin, const Shape& extent) {
  bool fits = extent.rank() == x.shape().rank() && begin.size() == x.shape().dims().size();
  for (int i = 0; fits && i < extent.rank(); ++i) {
    const std::int64_t b = begin[static_cast<std::size_t>(i)];
    fits = b >= 0 && b <= x.dim(i) && extent[i] <= x.dim(i) - b;
  }
  if (!fits) throw UsageError("slice: a box of {} does not lie inside {}", extent.str(), x.shape().str());
}

Shape check_pad(const Tensor& x, const std::vector<std::int64_t>& before, const std::vector<std::int64_t>& after) {
  const std::size_t rank = x.shape().dims().size();
  if (before.size() != rank || after.size() != rank)
    throw UsageError("pad: {} and {} amounts for {}", before.size(), after.size(), x.shape().str());
  std::vector<std::int64_t> dims = x.shape().dims();
  for (std::size_t i = 0; i < rank; ++i) {
    if (before[i] < 0 || after[i] < 0) throw UsageError("pad: amounts must not be negative (dimension {})", i);
    dims[i] += before[i] + after[i];
  }
  return Shape(std::move(dims));
}

Shape check_transpose(const Tensor& x, const std::vector<int>& axes) {
  check_axes("transpose", x, axes);
  if (static_cast<int>(axes.size()) != x.shape().rank())
    throw UsageError("transpose: {} axes for {}", axes.size(), x.shape().str());
  std::vector<std::int64_t> dims;
  for (int a : axes) dims.push_back(x.dim(a));
  return Shape(std::move(dims));
}

void check_broadcast_to(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank() || broadcast(from, to) != to)
    throw UsageError("{} does not broadcast to {}", from.str(), to.str());
}

Shape check_reduction(std::string_view op, const Tensor& x, const std::vector<int>& axes, bool keep) {
  check_axes(op, x, axes);
  std::vector<std::int64_t> dims;
  for (int i = 0; i < x.shape().rank(); ++i) {
    const bool reduced = std::count(axes.begin(), axes.end(), i) > 0;
    if (!reduced || keep) dims.push_back(reduced ? 1 : x.dim(i));
  }
  return Shape(std::move(dims));
}

void check_sum_to(const Shape& from, const Shape& to) { check_broadcast_to(to, from); }

void check_svd(const Tensor& a) {
  if (a.shape().rank() != 2) throw UsageError("svd: expected a matrix, found {}", a.shape().str());
  check_full_precision("svd", a);
}

void check_eigh(const Tensor& a) {
  if (a.shape().rank() != 2 || a.dim(0) != a.dim(1))
    throw UsageError("eigh: expected a square matrix, found {}", a.shape().str());
  check_full_precision("eigh", a);
}

void check_max_pool(const Pool2dParams& p) {
  if (p.kernel[0] * p.kernel[1] > 256)
    throw UsageError("max_pool2d: a {}x{} window has more than 256 positions", p.kernel[0], p.kernel[1]);
}

void check_map(std::string_view op, const Shape& x) {
  if (x.rank() != 4 || x[2] < 1 || x[3] < 1) throw UsageError("{}: expected [N,C,H,W], found {}", op, x.str());
}

void check_map_backward(std::string_view op, const Tensor& dy, const Shape& input) {
  check_map(op, input);
  check_map(op, dy.shape());
  check_shape(op, "dy", dy, {input[0], input[1], dy.dim(2), dy.dim(3)});
}

void check_cross_entropy(std::string_view op, const Tensor& logits, const Tensor& target, const Tensor& class_weight) {
  if (logits.shape().rank() != 2 || logits.dim(1) < 1)
    throw UsageError("{}: expected logits [N,C], found {}", op, logits.shape().str());
  check_shape(op, "target", target, {logits.dim(0)});
  if (target.dtype() != DType::i64) throw UsageError("{}: expected i64 targets, found {}", op, target.str());
  check_shape(op, "class weights", class_weight, {logits.dim(1)}, true);
}

void check_bce(std::string_view op, const Tensor& logits, const Tensor& target, const Tensor& pos_weight) {
  if (logits.shape().rank() != 2) throw UsageError("{}: expected logits [N,C], found {}", op, logits.shape().str());
  check_same_shape(op, logits, target);
  check_shape(op, "pos_weight", pos_weight, {logits.dim(1)}, true);
}

void check_covariance(const Tensor& products, const Tensor& sums, const Tensor& x, const Tensor& pivot) {
  constexpr std::string_view op = "accumulate_covariance_";
  if (x.shape().rank() != 2 || !is_floating(x.dtype()))
    throw UsageError("{}: expected a matrix of a floating type, found {}", op, x.str());
  const std::int64_t p = x.dim(1);
  check_shape(op, "products", products, {p, p});
  check_shape(op, "sums", sums, {p});
  check_shape(op, "pivot", pivot, {p});
  for (const Tensor* t : {&products, &sums, &pivot})
    if (t->dtype() != DType::f64) throw UsageError("{}: products, sums and pivot are f64, found {}", op, t->str());
}

static void check_scalar(std::string_view op, std::string_view name, const Tensor& t) {
  if (t.defined() && (t.numel() != 1 || t.dtype() != DType::f32))
    throw UsageError("{}: expected {} as one f32, found {}", op, name, t.str());
}

void check_ema(const std::vector<Tensor>& averages, const std::vector<Tensor>& values, const Tensor& norm) {
  check_scalar("ema_", "norm", norm);
  if (averages.size() != values.size())
    throw UsageError("ema_: {} averages for {} values", averages.size(), values.size());
  for (std::size_t i = 0; i < averages.size(); ++i) check_same_shape("ema_", averages[i], values[i]);
}

void check_cast_all(const std::vector<Tensor>& xs, DType dtype) {
  if (!is_floating(dtype)) throw UsageError("cast_all: expected a floating type, found {}", name_of(dtype));
  for (const Tensor& x : xs)
    if (!is_floating(x.dtype()) || x.dtype() != xs[0].dtype())
      throw UsageError("cast_all: expected tensors of one floating type, found {} and {}", xs[0].str(), x.str());
}

void check_update(std::string_view op, const std::vector<OptimizerSlot>& slots, bool needs_m, bool needs_v,
                  const UpdateNumbers& now) {
  check_scalar(op, "norm", now.norm);
  if (const Tensor& t = now.lr_and_count; t.shape() != Shape{2} || t.dtype() != DType::f64)
    throw UsageError("{}: expected learning rate and number of the update as f64[2], found {}", op, t.str());
  for (const OptimizerSlot& s : slots) {
    const Shape& shape = s.param.shape();
    check_shape(op, "gradient", s.grad, shape);
    if (needs_m) check_shape(op, "m", s.m, shape);
    if (needs_v) check_shape(op, "v", s.v, shape);
  }
}

void check_clip(const std::vector<Tensor>& grads, const Tensor& loss_scale) {
  if (grads.empty()) throw UsageError("clip_grad_norm_: no gradients");
  check_scalar("clip_grad_norm_", "loss_scale", loss_scale);
}

}  // namespace engine

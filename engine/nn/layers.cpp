#include "engine/nn/layers.h"

#include <fmt/core.h>

#include <regex>

#include "engine/autograd/tape.h"
#include "engine/nn/init.h"

namespace engine::nn {
namespace {

Conv2dParams square(std::int64_t stride, std::int64_t padding) {
  Conv2dParams p;
  p.stride = {stride, stride};
  p.padding = Padding2d::same(padding);
  return p;
}

// A parameter in the type of the activations it meets: under mixed precision these have 16 bits and it has 32. For
// convolutions, which leave its gradient in 32 bits,
Variable beside(const Variable& x, Parameter& p) {
  const DType dtype = x.value().dtype();
  return p.variable.value().dtype() == dtype ? p.variable : p.variable.with_value(p.rounded(dtype));
}
Variable beside(const Variable& x, Parameter* p) { return p ? beside(x, *p) : Variable(); }
// and for products, whose gradients have the type of their factors.
Variable cast_beside(const Variable& x, Parameter& p) {
  const DType dtype = x.value().dtype();
  return p.variable.value().dtype() == dtype ? p.variable : cast_as(p.variable, p.rounded(dtype));
}

}  // namespace

Conv2d::Conv2d(std::int64_t in, std::int64_t out, std::array<std::int64_t, 2> kernel, Conv2dParams p, bool bias)
    : params_(p),
      weight_(add_parameter("weight", {out, in / p.groups, kernel[0], kernel[1]}, ParameterKind::conv_weight)) {
  if (bias) bias_ = &add_parameter("bias", {out}, ParameterKind::bias);
}

Conv2d::Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t padding)
    : Conv2d(in, out, {kernel, kernel}, square(stride, padding), false) {}

std::string Conv2d::describe() const {
  const Shape& w = weight_shape();
  std::string s = fmt::format("Conv2d({}, {}, {}x{}", w[1] * params_.groups, w[0], w[2], w[3]);
  if (params_.stride != std::array<std::int64_t, 2>{1, 1})
    s += fmt::format(", stride {}x{}", params_.stride[0], params_.stride[1]);
  if (params_.padding != Padding2d{})
    s += fmt::format(", padding {}x{}", params_.padding.top, params_.padding.left);
  if (params_.groups != 1) s += fmt::format(", groups {}", params_.groups);
  return s + (bias_ ? ", bias)" : ")");
}

Variable Conv2d::forward(const Variable& x) { return conv2d(x, beside(x, weight_), beside(x, bias_), params_); }

BatchNorm2d::BatchNorm2d(std::int64_t channels, double eps, double momentum)
    : weight_(add_parameter("weight", {channels}, ParameterKind::norm_weight)),
      bias_(add_parameter("bias", {channels}, ParameterKind::norm_bias)),
      running_mean_(add_buffer("running_mean", {channels}, 0.0)),
      running_var_(add_buffer("running_var", {channels}, 1.0)) {
  params_.eps = eps;
  params_.momentum = momentum;
}

std::string BatchNorm2d::describe() const {
  return fmt::format("BatchNorm2d({}){}", weight_.variable.shape()[0],
                     statistics_ == Statistics::frozen ? " frozen statistics" : "");
}

Variable BatchNorm2d::normalize(const Variable& x, const Variable& residual, bool fuse_relu) {
  BatchNormParams p = params_;
  p.relu = fuse_relu;
  const RunningStatistics running{running_mean_.value, running_var_.value};
  if (!training() || statistics_ == Statistics::frozen)
    return batch_norm_eval(x, residual, weight_.variable, bias_.variable, running, p);
  const RunningStatistics update = recomputing() ? RunningStatistics{} : running;
  return batch_norm_train(x, residual, weight_.variable, bias_.variable, update, p);
}

Variable BatchNorm2d::then_relu(const Variable& x, const Variable& residual) {
  if (has_hooks()) {
    const Variable y = (*this)(x);
    return relu(residual.defined() ? engine::add(y, residual) : y);
  }
  return run([&] { return normalize(x, residual, true); });
}

Linear::Linear(std::int64_t in, std::int64_t out, bool bias)
    : weight_(add_parameter("weight", {out, in}, ParameterKind::linear_weight)) {
  if (bias) bias_ = &add_parameter("bias", {out}, ParameterKind::bias);
}

std::string Linear::describe() const {
  return fmt::format("Linear({}, {}{})", weight_shape()[1], weight_shape()[0], bias_ ? "" : ", no bias");
}

Variable Linear::forward(const Variable& x) {
  return linear(x, cast_beside(x, weight_), bias_ ? cast_beside(x, *bias_) : Variable());
}

MaxPool2d::MaxPool2d(std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
  params_.kernel = {kernel, kernel};
  params_.stride = {stride, stride};
  params_.padding = Padding2d::same(padding);
}

std::string MaxPool2d::describe() const {
  return fmt::format("MaxPool2d({}x{}, stride {}, padding {})", params_.kernel[0], params_.kernel[1],
                     params_.stride[0], params_.padding.top);
}

Dropout::Dropout(double p) : p_(p) {
  if (!(p >= 0.0 && p < 1.0)) throw UsageError("dropout: expected a probability in [0, 1), found {}", p);
}

std::string Dropout::describe() const { return fmt::format("Dropout({})", p_); }

Variable Dropout::forward(const Variable& x) { return training() && p_ > 0.0 ? dropout(x, p_, key_) : x; }

void set_random_step(Module& root, std::uint64_t seed, std::uint64_t step) {
  for (Module* m : root.modules()) {
    auto* layer = dynamic_cast<Dropout*>(m);
    if (!layer) continue;
    RandomKey key(seed, RandomStream::dropout);
    key.substream = name_hash(layer->path());
    key.epoch = static_cast<std::uint32_t>(step >> 32);
    key.step = static_cast<std::uint32_t>(step);
    layer->set_key(key);
  }
}

Variable Sequential::forward(const Variable& x) {
  Variable y = x;
  for (Module* stage : stages_) y = (*stage)(y);
  return y;
}

int set_statistics(Module& root, const std::string& expression, Statistics s) {
  std::regex regex;
  try {
    regex = std::regex(expression);
  } catch (const std::regex_error& e) {
    throw UsageError("'{}' is not a regular expression: {}", expression, e.what());
  }
  int matched = 0;
  for (Module* m : root.modules()) {
    auto* norm = dynamic_cast<BatchNorm2d*>(m);
    if (!norm || !std::regex_search(norm->path(), regex)) continue;
    norm->set_statistics(s);
    ++matched;
  }
  if (matched == 0) throw UsageError("'{}' matches no batch norm", expression);
  return matched;
}

}  // namespace engine::nn

// Convolution by oneDNN. Activations stay in the blocked layout from op to op; primitives are made once per shape.
#include <omp.h>

#include <compare>
#include <map>
#include <mutex>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/dnnl_support.h"
#include "kernels/cpu/weight_cache.h"

namespace engine {
namespace {

using cpu::activation_desc;
using cpu::dnnl_engine;
using cpu::dnnl_stream;
using cpu::wrap;
using dnnl::memory;

enum class Direction : std::uint8_t { forward, backward_data, backward_weights };

// Everything a primitive depends on. oneDNN divides the work of some when it makes them, and runs them on as many
// threads whatever has been set since.
struct Key {
  Direction direction;
  bool bias;
  std::vector<std::int64_t> numbers;  // shapes, parameters and threads
  auto operator<=>(const Key&) const = default;
};

// A primitive and the layouts it was made for. `x` is the input or its gradient, `y` the output or its.
struct Plan {
  int x_block = 1, y_block = 1;
  memory::desc x, y, weights, bias;
  std::size_t scratchpad = 0;
  dnnl::primitive primitive;
};

struct Problem {
  Shape x, w, y;
  Conv2dParams p;

  memory::dims strides() const { return {p.stride[0], p.stride[1]}; }
  memory::dims dilation() const { return {p.dilation[0] - 1, p.dilation[1] - 1}; }
  memory::dims padding_begin() const { return {p.padding.top, p.padding.left}; }
  memory::dims padding_end() const { return {p.padding.bottom, p.padding.right}; }
  // oneDNN wants the groups as a dimension of their own.
  memory::dims weight_dims() const {
    if (p.groups == 1) return w.dims();
    return {p.groups, w[0] / p.groups, w[1], w[2], w[3]};
  }
  memory::desc weights(memory::format_tag tag) const { return {weight_dims(), memory::data_type::f32, tag}; }
  memory::desc plain_weights() const {
    return weights(p.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw);
  }
};

struct Blocks {
  int x, y;
};

// Layouts to try, best first. Few input channels (a picture) would only be padded by blocking.
std::vector<Blocks> candidates(const Problem& q) {
  const int b = cpu::channel_block();
  if (q.x[1] <= 4 && q.p.groups == 1) return {{1, b}, {b, b}, {1, 1}};
  return {{b, b}, {1, 1}};
}

template <class PrimitiveDesc>
Plan finish(const PrimitiveDesc& pd, Blocks blocks, memory::desc x, memory::desc weights, memory::desc y) {
  Plan plan;
  plan.x_block = blocks.x;
  plan.y_block = blocks.y;
  plan.x = std::move(x);
  plan.weights = std::move(weights);
  plan.y = std::move(y);
  plan.scratchpad = pd.scratchpad_desc().get_size();
  return plan;
}

template <class PrimitiveDesc>
bool is_slow(const PrimitiveDesc& pd) {
  return std::string_view(pd.impl_info_str()).find("ref") != std::string_view::npos;
}

Plan try_plan(const Problem& q, Direction direction, bool with_bias, Blocks blocks, bool accept_slow, bool& made) {
  const memory::desc x = activation_desc(q.x, blocks.x), y = activation_desc(q.y, blocks.y);
  const memory::desc any = q.weights(memory::format_tag::any);
  const memory::desc bias =
      with_bias ? memory::desc({q.w[0]}, memory::data_type::f32, memory::format_tag::x) : memory::desc();
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  made = false;
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, direct, x, any, bias, y, q.strides(), q.dilation(), q.padding_begin(),
       q.padding_end()},
      attr, dnnl_engine(), true);
  if (!forward) return {};
  Plan plan;
  if (direction == Direction::forward) {
    if (is_slow(forward) && !accept_slow) return {};
    plan = finish(forward, blocks, forward.src_desc(), forward.weights_desc(), forward.dst_desc());
    plan.primitive = dnnl::convolution_forward(forward);
  } else if (direction == Direction::backward_data) {
    const dnnl::convolution_backward_data::primitive_desc pd(
        {direct, x, any, y, q.strides(), q.dilation(), q.padding_begin(), q.padding_end()}, attr, dnnl_engine(),
        forward, true);
    if (!pd || (is_slow(pd) && !accept_slow)) return {};
    plan = finish(pd, blocks, pd.diff_src_desc(), pd.weights_desc(), pd.diff_dst_desc());
    plan.primitive = dnnl::convolution_backward_data(pd);
  } else {
    const dnnl::convolution_backward_weights::primitive_desc pd(
        {direct, x, any, bias, y, q.strides(), q.dilation(), q.padding_begin(), q.padding_end()}, attr, dnnl_engine(),
        forward, true);
    if (!pd || (is_slow(pd) && !accept_slow)) return {};
    plan = finish(pd, blocks, pd.src_desc(), pd.diff_weights_desc(), pd.diff_dst_desc());
    plan.primitive = dnnl::convolution_backward_weights(pd);
  }
  plan.bias = bias;
  made = true;
  return plan;
}

const Plan& plan_for(const Problem& q, Direction direction, bool with_bias) {
  static std::mutex mutex;
  static std::map<Key, Plan> plans;
  Key key{direction, with_bias, q.x.dims()};
  key.numbers.insert(key.numbers.end(), q.w.dims().begin(), q.w.dims().end());
  const Conv2dParams& p = q.p;
  key.numbers.insert(key.numbers.end(), {p.stride[0], p.stride[1], p.padding.top, p.padding.bottom, p.padding.left,
                                         p.padding.right, p.dilation[0], p.dilation[1], p.groups,
                                         omp_get_max_threads()});
  const std::lock_guard lock(mutex);
  if (const auto it = plans.find(key); it != plans.end()) return it->second;
  for (const bool accept_slow : {false, true}) {
    for (const Blocks blocks : candidates(q)) {
      bool made;
      Plan plan = try_plan(q, direction, with_bias, blocks, accept_slow, made);
      if (made) return plans.emplace(std::move(key), std::move(plan)).first->second;
    }
  }
  throw Error("conv2d: oneDNN has no implementation for x {}, w {}", q.x.str(), q.w.str());
}

Tensor scratchpad_for(const Plan& plan) {
  return cpu::empty({static_cast<std::int64_t>(plan.scratchpad)}, DType::u8);
}

void execute(const Plan& plan, std::unordered_map<int, memory> arguments) {
  const Tensor scratchpad = scratchpad_for(plan);
  if (plan.scratchpad)
    arguments.emplace(DNNL_ARG_SCRATCHPAD,
                      memory({{static_cast<memory::dim>(plan.scratchpad)}, memory::data_type::u8,
                              memory::format_tag::x},
                             dnnl_engine(), scratchpad.raw()));
  plan.primitive.execute(dnnl_stream(), arguments);
  dnnl_stream().wait();
}

void require_f32(const Tensor& x, const Tensor& w) {
  if (x.dtype() != DType::f32 || w.dtype() != DType::f32)
    throw UsageError("conv2d on device cpu computes in f32, found x {} and w {}", x.str(), w.str());
}

Tensor weight_gradient(const Tensor& x, const Tensor& dy, const Problem& q, Tensor* db) {
  const Plan& plan = plan_for(q, Direction::backward_weights, db != nullptr);
  const Tensor x_there = cpu::blocked(x, plan.x_block), dy_there = cpu::blocked(dy, plan.y_block);
  const Tensor raw = cpu::empty({static_cast<std::int64_t>(plan.weights.get_size())}, DType::u8);
  const memory made = wrap(plan.weights, raw);
  std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, wrap(plan.x, x_there)},
                                            {DNNL_ARG_DIFF_DST, wrap(plan.y, dy_there)},
                                            {DNNL_ARG_DIFF_WEIGHTS, made}};
  if (db) {
    *db = cpu::empty({q.w[0]});
    arguments.emplace(DNNL_ARG_DIFF_BIAS, wrap(plan.bias, *db));
  }
  execute(plan, std::move(arguments));
  Tensor dw = cpu::empty(q.w);
  memory from = made, to = wrap(q.plain_weights(), dw);
  dnnl::reorder(from, to).execute(dnnl_stream(), from, to);
  dnnl_stream().wait();
  return dw;
}

}  // namespace

Tensor CpuBackend::do_conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& p) {
  require_f32(x, w);
  const Problem q{x.shape(), w.shape(), conv2d_output_shape(x.shape(), w.shape(), p), p};
  if (bias.defined() && bias.shape() != Shape{q.w[0]})
    throw UsageError("conv2d: expected a bias of shape [{}], found {}", q.w[0], bias.shape().str());
  if (q.y.numel() == 0) return cpu::empty(q.y);
  const Plan& plan = plan_for(q, Direction::forward, bias.defined());
  const Tensor x_there = cpu::blocked(x, plan.x_block);
  const cpu::OrderedWeights weights(w, q.plain_weights(), plan.weights);
  Tensor y = cpu::empty_blocked(q.y, plan.y_block);
  std::unordered_map<int, memory> arguments{
      {DNNL_ARG_SRC, wrap(plan.x, x_there)}, {DNNL_ARG_WEIGHTS, weights.memory()}, {DNNL_ARG_DST, wrap(plan.y, y)}};
  if (bias.defined()) arguments.emplace(DNNL_ARG_BIAS, wrap(plan.bias, bias));
  execute(plan, std::move(arguments));
  return y;
}

Conv2dGrads CpuBackend::do_conv2d_backward(const Tensor& x, const Tensor& w, const Tensor& dy, const Conv2dParams& p,
                                           const Conv2dNeeds& needs) {
  require_f32(x, w);
  const Problem q{x.shape(), w.shape(), conv2d_output_shape(x.shape(), w.shape(), p), p};
  if (dy.shape() != q.y)
    throw UsageError("conv2d_backward: expected dy of shape {}, found {}", q.y.str(), dy.shape().str());
  Conv2dGrads grads;
  if (needs.dw || needs.db) {
    grads.dw = weight_gradient(x, dy, q, needs.db ? &grads.db : nullptr);
    if (!needs.dw) grads.dw = {};
  }
  if (needs.dx) {
    const Plan& plan = plan_for(q, Direction::backward_data, false);
    const Tensor dy_there = cpu::blocked(dy, plan.y_block);
    const cpu::OrderedWeights weights(w, q.plain_weights(), plan.weights);
    grads.dx = cpu::empty_blocked(q.x, plan.x_block);
    execute(plan, {{DNNL_ARG_DIFF_SRC, wrap(plan.x, grads.dx)},
                   {DNNL_ARG_WEIGHTS, weights.memory()},
                   {DNNL_ARG_DIFF_DST, wrap(plan.y, dy_there)}});
  }
  return grads;
}

}  // namespace engine

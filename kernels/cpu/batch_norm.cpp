// Batch norm with optional residual and ReLU, fused: statistics read x once, normalisation reads x and writes y once.
// Backward reads x and dy twice (y once where a residual hides the ReLU's mask). All partial sums belong to one (image, channel group) and are combined in order,
// so the bits do not depend on the number of threads.
#include <cmath>

#include "kernels/checks.h"
#include "kernels/cpu/batch_norm_loops.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/layout.h"
#include "kernels/cpu/parallel.h"

namespace engine {
namespace {

using cpu::GradientSums;
using cpu::LaneConstants;
using cpu::Moments;

// An activation as images x groups x plane x lanes.
struct Geometry {
  std::int64_t images, groups, plane, channels;
  int lanes;

  explicit Geometry(const Tensor& x) {
    lanes = cpu::block_of(x);
    images = x.dim(0);
    channels = x.dim(1);
    groups = cpu::padded_channels(x) / lanes;
    plane = x.numel() == 0 ? 0 : x.numel() / (images * channels);
  }
  std::int64_t tiles() const { return images * groups; }
  std::int64_t group_of(std::int64_t tile) const { return tile % groups; }
  std::int64_t offset(std::int64_t tile) const { return tile * plane * lanes; }
  std::int64_t grain() const { return std::max<std::int64_t>(1, cpu::elementwise_grain / (plane * lanes + 1)); }
  double count() const { return static_cast<double>(images) * static_cast<double>(plane); }

  template <class F>
  void for_each_tile(F&& f) const {
    cpu::parallel_for(tiles(), grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t tile = begin; tile < end; ++tile) f(tile);
    });
  }
};

// Calls f(channel, lane) for the channels of a group that exist; the lanes beyond are padding.
template <class F>
void for_each_channel(const Geometry& g, std::int64_t group, F&& f) {
  for (int lane = 0; lane < g.lanes && group * g.lanes + lane < g.channels; ++lane) f(group * g.lanes + lane, lane);
}

void require_f32(const char* op, const Tensor& x) {
  if (x.dtype() != DType::f32) throw UsageError("{} on device cpu computes in f32, found {}", op, x.str());
}

const float* at(const Tensor& t, std::int64_t offset) { return t.defined() ? t.data<float>() + offset : nullptr; }
float* to(const Tensor& t, std::int64_t offset) { return t.defined() ? t.data<float>() + offset : nullptr; }

Tensor normalized(const Geometry& g, const Tensor& x, const Tensor& residual, const std::vector<LaneConstants>& c,
                  bool relu) {
  const Tensor r = residual.defined() ? cpu::in_layout_of(residual, x) : residual;
  Tensor y = cpu::empty_like(x);
  g.for_each_tile([&](std::int64_t tile) {
    const std::int64_t k = g.offset(tile);
    cpu::normalize(at(x, k), at(r, k), to(y, k), g.plane, g.lanes, c[static_cast<std::size_t>(g.group_of(tile))], relu);
  });
  return y;
}

std::vector<GradientSums> sums_by_group(const Geometry& g, const Tensor& x, const Tensor& mask, const Tensor& dy,
                                        const Tensor& more, const Tensor& masked_dy, const std::vector<LaneConstants>& c, bool relu) {
  std::vector<GradientSums> tiles(static_cast<std::size_t>(g.tiles()));
  g.for_each_tile([&](std::int64_t tile) {
    const std::int64_t k = g.offset(tile);
    cpu::gradient_sums({at(x, k), at(mask, k), at(dy, k), at(more, k), relu}, to(masked_dy, k), g.plane, g.lanes,
                       c[static_cast<std::size_t>(g.group_of(tile))], tiles[static_cast<std::size_t>(tile)]);
  });
  std::vector<GradientSums> groups(static_cast<std::size_t>(g.groups));
  for (std::int64_t tile = 0; tile < g.tiles(); ++tile) {
    GradientSums& sum = groups[static_cast<std::size_t>(g.group_of(tile))];
    const GradientSums& part = tiles[static_cast<std::size_t>(tile)];
    for (int lane = 0; lane < g.lanes; ++lane) {
      sum.g[lane] += part.g[lane];
      sum.gx[lane] += part.gx[lane];
    }
  }
  return groups;
}

// Backward for given mean, inv_std and shift [C]. With constant statistics the two mean terms of dx vanish. `more` is
// added to dy; it needs relu, y and need_residual.
BatchNormGrads backward(const Tensor& x, const Tensor& y, const Tensor& weight, const float* mean, const float* inv_std,
                        const Tensor& shift, const Tensor& dy_any, const Tensor& more_any, bool need_residual, bool relu,
                        bool constant_statistics) {
  const Geometry g(x);
  const Tensor dy = cpu::in_layout_of(dy_any, x);
  const Tensor more = more_any.defined() ? cpu::in_layout_of(more_any, x) : Tensor();
  const Tensor mask = relu && y.defined() ? cpu::in_layout_of(y, x) : Tensor();
  BatchNormGrads grads;
  const bool store_masked = relu && need_residual;
  if (need_residual) grads.dresidual = relu ? cpu::empty_like(x) : dy;

  std::vector<LaneConstants> c(static_cast<std::size_t>(g.groups), LaneConstants{});
  const float* w = weight.data<float>();
  for (std::int64_t group = 0; group < g.groups; ++group)
    for_each_channel(g, group, [&](std::int64_t channel, int lane) {
      LaneConstants& k = c[static_cast<std::size_t>(group)];
      k.mean[lane] = mean[channel];
      k.scale[lane] = w[channel] * inv_std[channel];
      if (relu && !y.defined()) k.shift[lane] = shift.data<float>()[channel];
    });

  const auto sums = sums_by_group(g, x, mask, dy, more, store_masked ? grads.dresidual : Tensor(), c, relu);
  grads.dweight = cpu::empty({g.channels});
  grads.dbias = cpu::empty({g.channels});
  for (std::int64_t group = 0; group < g.groups; ++group)
    for_each_channel(g, group, [&](std::int64_t channel, int lane) {
      const GradientSums& sum = sums[static_cast<std::size_t>(group)];
      const double s = inv_std[channel];
      grads.dweight.data<float>()[channel] = static_cast<float>(sum.gx[lane] * s);
      grads.dbias.data<float>()[channel] = static_cast<float>(sum.g[lane]);
      if (constant_statistics) return;
      LaneConstants& k = c[static_cast<std::size_t>(group)];
      k.mean_g[lane] = static_cast<float>(sum.g[lane] / g.count());
      k.mean_gx[lane] = static_cast<float>(sum.gx[lane] * s * s / g.count());
    });

  grads.dx = cpu::empty_like(x);
  // Where the masked gradient was written down, the mask need not be read again.
  const Tensor& gradient = store_masked ? grads.dresidual : dy;
  g.for_each_tile([&](std::int64_t tile) {
    const std::int64_t k = g.offset(tile);
    cpu::input_gradient({at(x, k), at(mask, k), at(gradient, k), nullptr, relu && !store_masked}, to(grads.dx, k), g.plane,
                        g.lanes, c[static_cast<std::size_t>(g.group_of(tile))]);
  });
  return grads;
}

std::vector<Moments> moments_by_group(const Geometry& g, const Tensor& x) {
  std::vector<Moments> tiles(static_cast<std::size_t>(g.tiles()));
  g.for_each_tile([&](std::int64_t tile) {
    cpu::moments(at(x, g.offset(tile)), g.plane, g.lanes, tiles[static_cast<std::size_t>(tile)]);
  });
  std::vector<Moments> groups(static_cast<std::size_t>(g.groups));
  for (std::int64_t tile = 0; tile < g.tiles(); ++tile)
    groups[static_cast<std::size_t>(g.group_of(tile))].merge(tiles[static_cast<std::size_t>(tile)], g.lanes);
  return groups;
}

float inverse_deviation(float variance, double eps) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(variance) + eps));
}

void update_running(float& running, double batch, double momentum) {
  running = static_cast<float>((1.0 - momentum) * static_cast<double>(running) + momentum * batch);
}

}  // namespace

BatchNormResult CpuBackend::do_batch_norm_train(const Tensor& x, const Tensor& residual, const Tensor& weight,
                                                const Tensor& bias, const Tensor& running_mean,
                                                const Tensor& running_var, const BatchNormParams& p) {
  require_f32("batch_norm_train", x);
  check_batch_norm("batch_norm_train", x, residual, weight, bias, running_mean, running_var);
  const Geometry g(x);
  if (g.count() < 2)
    throw UsageError("batch_norm_train: needs more than one value a channel, found x {}", x.shape().str());
  const auto statistics = moments_by_group(g, x);
  BatchNormResult r;
  r.mean = cpu::empty({g.channels});
  r.inv_std = cpu::empty({g.channels});
  r.shift = cpu::empty({g.channels});
  std::vector<LaneConstants> c(static_cast<std::size_t>(g.groups), LaneConstants{});
  for (std::int64_t group = 0; group < g.groups; ++group)
    for_each_channel(g, group, [&](std::int64_t channel, int lane) {
      const Moments& m = statistics[static_cast<std::size_t>(group)];
      const double mean = m.mean[lane], variance = m.m2[lane] / g.count();
      const double inv_std = 1.0 / std::sqrt(variance + p.eps);
      const float rounded_mean = static_cast<float>(mean), rounded_inv_std = static_cast<float>(inv_std);
      LaneConstants& k = c[static_cast<std::size_t>(group)];
      k.mean[lane] = rounded_mean;
      // As backward computes it again, to the bit.
      k.scale[lane] = weight.data<float>()[channel] * rounded_inv_std;
      // What rounding took from the mean goes into the shift.
      k.shift[lane] = static_cast<float>(static_cast<double>(bias.data<float>()[channel]) -
                                         (mean - static_cast<double>(rounded_mean)) * static_cast<double>(k.scale[lane]));
      r.mean.data<float>()[channel] = rounded_mean;
      r.inv_std.data<float>()[channel] = rounded_inv_std;
      r.shift.data<float>()[channel] = k.shift[lane];
      if (!running_mean.defined()) return;
      update_running(running_mean.data<float>()[channel], mean, p.momentum);
      update_running(running_var.data<float>()[channel], m.m2[lane] / (g.count() - 1.0), p.momentum);
    });
  if (running_mean.defined()) {
    ++running_mean.storage()->version;
    ++running_var.storage()->version;
  }
  r.y = normalized(g, x, residual, c, p.relu);
  return r;
}

Tensor CpuBackend::do_batch_norm_eval(const Tensor& x, const Tensor& residual, const Tensor& weight, const Tensor& bias,
                                      const Tensor& mean, const Tensor& var, const BatchNormParams& p) {
  require_f32("batch_norm_eval", x);
  check_batch_norm("batch_norm_eval", x, residual, weight, bias, mean, var);
  const Geometry g(x);
  std::vector<LaneConstants> c(static_cast<std::size_t>(g.groups), LaneConstants{});
  for (std::int64_t group = 0; group < g.groups; ++group)
    for_each_channel(g, group, [&](std::int64_t channel, int lane) {
      LaneConstants& k = c[static_cast<std::size_t>(group)];
      k.mean[lane] = mean.data<float>()[channel];
      k.scale[lane] = weight.data<float>()[channel] * inverse_deviation(var.data<float>()[channel], p.eps);
      k.shift[lane] = bias.data<float>()[channel];
    });
  return normalized(g, x, residual, c, p.relu);
}

BatchNormGrads CpuBackend::do_batch_norm_train_backward(const Tensor& x, const Tensor& y, const Tensor& weight,
                                                        const Tensor& mean, const Tensor& inv_std, const Tensor& shift,
                                                        const Tensor& dy, const Tensor& more, bool need_residual,
                                                        const BatchNormParams& p) {
  require_f32("batch_norm_train_backward", x);
  check_batch_norm_backward("batch_norm_train_backward", x, y, weight, mean, inv_std, shift, dy, p);
  if (more.defined()) check_same_shape("batch_norm_train_backward", dy, more);
  // Two gradients are added on the way where their sum, masked, is written down anyway.
  const bool on_the_way = p.relu && y.defined() && need_residual;
  const Tensor sum = more.defined() && !on_the_way ? do_add(dy, more) : dy;
  return backward(x, y, weight, mean.data<float>(), inv_std.data<float>(), shift, sum, on_the_way ? more : Tensor(),
                  need_residual, p.relu, false);
}

BatchNormGrads CpuBackend::do_batch_norm_eval_backward(const Tensor& x, const Tensor& y, const Tensor& weight,
                                                       const Tensor& bias, const Tensor& mean, const Tensor& var,
                                                       const Tensor& dy, bool need_residual, const BatchNormParams& p) {
  require_f32("batch_norm_eval_backward", x);
  check_batch_norm_backward("batch_norm_eval_backward", x, y, weight, mean, var, bias, dy, p);
  std::vector<float> inv_std(static_cast<std::size_t>(x.dim(1)));
  for (std::size_t i = 0; i < inv_std.size(); ++i) inv_std[i] = inverse_deviation(var.data<float>()[i], p.eps);
  return backward(x, y, weight, mean.data<float>(), inv_std.data(), bias, dy, {}, need_residual, p.relu, true);
}

}  // namespace engine

// Optimiser steps: all parameters in one parallel region, split by elements, each element's numbers touched once.
#include <algorithm>
#include <cmath>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/optimizer_loops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/reduction_loops.h"
#include "kernels/cpu/support.h"

namespace engine {
namespace {

// Calls f(which tensor, first element, count) on pieces that together cover tensors of these sizes.
template <class F>
void for_each_piece(const std::vector<std::int64_t>& sizes, F&& f) {
  std::vector<std::int64_t> ends;
  std::int64_t total = 0;
  for (const std::int64_t n : sizes) ends.push_back(total += n);
  cpu::parallel_for(total, cpu::elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
    auto i = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), begin) - ends.begin());
    for (; begin < end; ++i) {
      const std::int64_t stop = std::min(end, ends[i]);
      if (stop > begin) f(i, begin - (ends[i] - sizes[i]), stop - begin);
      begin = std::max(begin, stop);
    }
  });
}

// Pointers into one slot; m and v are null where the slot has none.
struct Pointers {
  float* w;
  const float* g;
  float *m, *v;
};

void require_plain_f32(const char* op, const Tensor& t) {
  if (!t.defined()) return;
  cpu::require_f32(op, t);
  if (!t.plain()) throw UsageError("{}: parameters and their state have plain layout, found {}", op, t.str());
}

bool held_back(const Tensor& norm) { return norm.defined() && !std::isfinite(*norm.data<float>()); }

// Calls step(slot, its learning rate, pointers to its first element, count) on pieces of all slots.
template <class F>
void update(const char* op, const std::vector<OptimizerSlot>& slots, bool uses_m, bool uses_v, const UpdateNumbers& now,
            F&& step) {
  check_update(op, slots, uses_m, uses_v, now);
  if (held_back(now.norm)) return;
  const double lr = now.lr_and_count.data<double>()[0];
  std::vector<std::int64_t> sizes;
  std::vector<Tensor> grads;  // in plain layout
  std::vector<Pointers> pointers;
  for (const OptimizerSlot& s : slots) {
    for (const Tensor* t : {&s.param, &s.m, &s.v}) require_plain_f32(op, *t);
    cpu::require_f32(op, s.grad);
    grads.push_back(cpu::plain(s.grad));
    sizes.push_back(s.param.numel());
    pointers.push_back({s.param.data<float>(), grads.back().data<float>(), uses_m ? s.m.data<float>() : nullptr,
                        uses_v ? s.v.data<float>() : nullptr});
  }
  for_each_piece(sizes, [&](std::size_t i, std::int64_t first, std::int64_t n) {
    const Pointers& p = pointers[i];
    step(slots[i], lr * slots[i].lr_mult, Pointers{p.w + first, p.g + first, p.m ? p.m + first : nullptr, p.v ? p.v + first : nullptr}, n);
  });
  for (const OptimizerSlot& s : slots) {
    cpu::mark_written(s.param);
    if (uses_m) cpu::mark_written(s.m);
    if (uses_v) cpu::mark_written(s.v);
  }
}

double count_of(const UpdateNumbers& now) { return now.lr_and_count.data<double>()[1]; }

float rounded(double v) { return static_cast<float>(v); }

}  // namespace

void CpuBackend::do_sgd_(const std::vector<OptimizerSlot>& slots, const SgdParams& p, const UpdateNumbers& now) {
  const auto step_piece = [&](const OptimizerSlot& s, double lr, const Pointers& at, std::int64_t n) {
    const cpu::SgdStep step{rounded(lr),                rounded(s.weight_decay), rounded(p.momentum),
                            rounded(1.0 - p.dampening), p.nesterov,              count_of(now) == 1.0};
    cpu::sgd_step(step, at.w, at.g, at.m, n);
  };
  update("sgd_", slots, p.momentum != 0.0, false, now, step_piece);
}

void CpuBackend::do_adam_(const std::vector<OptimizerSlot>& slots, const AdamParams& p, const UpdateNumbers& now) {
  const auto step_piece = [&](const OptimizerSlot& s, double lr, const Pointers& at, std::int64_t n) {
    const double correction1 = 1.0 - std::pow(p.beta1, count_of(now));
    const double correction2 = 1.0 - std::pow(p.beta2, count_of(now));
    const cpu::AdamStep step{.rate = rounded(lr / correction1),
                             .l2 = p.decoupled ? 0.0f : rounded(s.weight_decay),
                             .shrink = p.decoupled ? rounded(1.0 - lr * s.weight_decay) : 1.0f,
                             .beta1 = rounded(p.beta1),
                             .rest1 = rounded(1.0 - p.beta1),
                             .beta2 = rounded(p.beta2),
                             .rest2 = rounded(1.0 - p.beta2),
                             .root_scale = rounded(1.0 / std::sqrt(correction2)),
                             .eps = rounded(p.eps)};
    cpu::adam_step(step, at.w, at.g, at.m, at.v, n);
  };
  update("adam_", slots, true, true, now, step_piece);
}

void CpuBackend::do_rmsprop_(const std::vector<OptimizerSlot>& slots, const RmspropParams& p,
                             const UpdateNumbers& now) {
  const auto step_piece = [&](const OptimizerSlot& s, double lr, const Pointers& at, std::int64_t n) {
    const cpu::RmspropStep step{rounded(lr),             rounded(s.weight_decay), rounded(p.alpha),
                                rounded(1.0 - p.alpha), rounded(p.eps),          rounded(p.momentum)};
    cpu::rmsprop_step(step, at.w, at.g, at.m, at.v, n);
  };
  update("rmsprop_", slots, p.momentum != 0.0, true, now, step_piece);
}

void CpuBackend::do_ema_(const std::vector<Tensor>& averages, const std::vector<Tensor>& values, double decay,
                         const Tensor& norm) {
  check_ema(averages, values, norm);
  if (held_back(norm)) return;
  std::vector<std::int64_t> sizes;
  std::vector<Tensor> plain_values;
  for (std::size_t i = 0; i < averages.size(); ++i) {
    require_plain_f32("ema_", averages[i]);
    cpu::require_f32("ema_", values[i]);
    sizes.push_back(averages[i].numel());
    plain_values.push_back(cpu::plain(values[i]));
  }
  for_each_piece(sizes, [&](std::size_t i, std::int64_t first, std::int64_t n) {
    float* average = averages[i].data<float>() + first;
    const float* value = plain_values[i].data<float>() + first;
    if (decay == 0.0)
      std::copy_n(value, n, average);
    else
      cpu::ema_step(average, value, rounded(decay), rounded(1.0 - decay), n);
  });
  for (const Tensor& t : averages) cpu::mark_written(t);
}

Tensor CpuBackend::do_clip_grad_norm_(const std::vector<Tensor>& grads, double max_norm,
                                    const Tensor& loss_scale) {
  check_clip(grads, loss_scale);
  // Chunks of fixed size, added in order: the norm does not depend on the number of threads.
  constexpr std::int64_t chunk = 1 << 15;
  struct Chunk {
    const float* data;
    std::int64_t n;
  };
  std::vector<Chunk> chunks;
  std::vector<std::int64_t> sizes;
  for (const Tensor& g : grads) {
    cpu::require_f32("clip_grad_norm_", g);
    const std::int64_t n = sizes.emplace_back(cpu::physical_numel(g));
    for (std::int64_t i = 0; i < n; i += chunk) chunks.push_back({g.data<float>() + i, std::min(chunk, n - i)});
  }
  std::vector<double> squares(chunks.size());
  cpu::parallel_for(static_cast<std::int64_t>(chunks.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      squares[i] = cpu::sum_squares(chunks[i].data, chunks[i].n);
  });
  double sum = 0.0;
  for (const double s : squares) sum += s;
  double factor = loss_scale.defined() ? 1.0 / static_cast<double>(*loss_scale.data<float>()) : 1.0;
  const double norm = factor * std::sqrt(sum), share = max_norm / (norm + 1e-6);
  if (share < 1.0) factor *= share;
  if (factor != 1.0) {
    for_each_piece(sizes, [&](std::size_t i, std::int64_t first, std::int64_t n) {
      cpu::scale_in_place(grads[i].data<float>() + first, rounded(factor), n);
    });
    for (const Tensor& g : grads) cpu::mark_written(g);
  }
  Tensor result = cpu::empty({});
  *result.data<float>() = rounded(norm);
  return result;
}

}  // namespace engine

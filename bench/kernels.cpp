#include "bench/kernels.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "bench/conformance/outcome.h"
#include "bench/device_clock.h"
#include "bench/kernels_left_out.h"
#include "bench/launches.h"
#include "engine/autograd/tape.h"
#include "kernels/cuda/context.h"

namespace engine::bench {
namespace {

using conformance::Config;
using conformance::Input;

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

// Times of f, each after `before`, until they add up to `budget` seconds; five at least, after one that warms up.
template <class F, class Before>
std::vector<double> sample(Device device, double budget, F&& f, Before&& before) {
  f();
  std::vector<double> times;
  double spent = 0;
  while (times.size() < 5 || (spent < budget && times.size() < 1000)) {
    before();
    backend_of(device).synchronize();
    times.push_back(seconds_of(device, f));
    spent += times.back();
  }
  return times;
}

Tensor made(const Input& input, Device device, DType tested) {
  const Tensor x = from_vector(input.values, input.shape, device, conformance::dtype_of(input, tested));
  const bool activation = !input.integer && !input.plain && input.shape.rank() == 4;
  return activation ? conformance::carried(x) : x;  // as it comes from the convolution before
}

// One benchmark: its inputs on the device, forward and (where there is one) backward.
class Run {
 public:
  Run(const Config& config, Device device, DType dtype) : config_(config), device_(device) {
    for (const Input& input : config.inputs) {
      tensors_.push_back(made(input, device, dtype));
      bytes_ += static_cast<double>(tensors_.back().bytes()) * (input.read + (input.written ? 1.0 : 0.0));
      differentiable_ = differentiable_ || (config.function && input.differentiable);
    }
    if (!config.function) {
      for (const Tensor& t : config.direct(backend_of(device), tensors_)) bytes_ += static_cast<double>(t.bytes());
      return;
    }
    const Tensor y = variables_and(false);
    bytes_ += static_cast<double>(y.bytes());
    // The cotangent has the layout of the result, as in a network.
    cotangent_ = backend_of(device).scale(y, 0.5);
  }

  void forward() const {
    if (config_.function)
      variables_and(false);
    else
      config_.direct(backend_of(device_), tensors_);
  }
  void forward_and_backward() const { variables_and(true); }
  bool differentiable() const { return differentiable_; }
  double bytes() const { return bytes_; }

 private:
  Tensor variables_and(bool backward) const {
    conformance::Variables variables;
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      variables.emplace_back(tensors_[i], backward && config_.inputs[i].differentiable);
    if (!backward) return config_.function(variables).value();
    Tape tape;
    const Variable y = config_.function(variables);
    tape.backward(y, cotangent_);
    return y.value();
  }

  const Config& config_;
  Device device_;
  std::vector<Tensor> tensors_;
  Tensor cotangent_;
  bool differentiable_ = false;
  double bytes_ = 0;
};

void measure(KernelTime& row, double seconds, Device device, const std::function<void()>& once, const Tensor& filler) {
  const auto warm = sample(device, seconds, once, [] {});
  const auto cold = sample(device, seconds, once, [&] { backend_of(device).fill_(filler, 1.0); });
  row.warm_seconds = median(warm);
  row.cold_seconds = median(cold);
  std::vector<double> deviations;
  for (const double t : warm) deviations.push_back(std::abs(t - row.warm_seconds));
  row.spread = median(deviations) / row.warm_seconds;
}

}  // namespace

std::vector<Variant> variants_of(const conformance::Case& c, Device device) {
  const gpu::Context* context = gpu::context_of(device);
  if (!context) return {{0, false, "-"}};
  const gpu::Ladder* ladder = gpu::ladder_of(c.name);
  if (!ladder) return {{0, false, "own"}};
  const auto variant = [&](int step) {
    return Variant{step, false, std::string(ladder->steps[static_cast<std::size_t>(step - 1)].name)};
  };
  if (const int chosen = context->kernels.*ladder->choice; chosen > 0) return {variant(chosen)};
  std::vector<Variant> all;
  for (int step = 1; step <= static_cast<int>(ladder->steps.size()); ++step) all.push_back(variant(step));
  for (const auto& [what, who] : backend_of(device).libraries())
    if (what == ladder->library && !who.starts_with("own kernels")) all.push_back({0, true, who});
  return all;
}

gpu::KernelChoice choice_of(const conformance::Case& c, const Variant& variant) {
  gpu::KernelChoice choice;
  if (const gpu::Ladder* ladder = gpu::ladder_of(c.name)) choice.*ladder->choice = variant.step;
  return choice;
}

Taking::Taking(Device device, const gpu::KernelChoice& choice) : device_(device) {
  if (gpu::Context* context = gpu::context_of(device)) former_ = std::exchange(context->kernels, choice);
}

Taking::~Taking() {
  if (gpu::Context* context = gpu::context_of(device_)) context->kernels = former_;
}

double share_of_limit(const KernelTime& t, const MachineLimits& limits) {
  const double flops = limits.peak_flops_per_second > 0 ? limits.peak_flops_per_second : limits.flops_per_second;
  return std::max(t.flops / flops, t.bytes / limits.bytes_per_second) / t.cold_seconds;
}

bool impossible(const KernelTime& t, const MachineLimits& limits) {
  const bool memory =
      limits.cache_bytes > 0 && (t.bytes - limits.cache_bytes) / limits.bytes_per_second > t.cold_seconds;
  const bool arithmetic = !t.variant.vendor && limits.peak_flops_per_second > 0 &&
                          t.flops / limits.peak_flops_per_second > t.cold_seconds;
  return memory || arithmetic;
}

std::vector<KernelTime> time_kernels(const conformance::Case& c, Device device, const Variant& variant, bool backwards,
                                     DType dtype, std::uint64_t seed, double seconds) {
  std::vector<KernelTime> rows;
  if (!c.benchmarks) return rows;
  std::optional<KernelsLeftOut> left_out;
  if (!has_times(device)) left_out.emplace(gpus[0].multiprocessors, gpus[0].threads_per_multiprocessor);
  const Taking taking(device, choice_of(c, variant));
  const Tensor filler = has_times(device) ? cache_filler(device) : Tensor();
  for (const Config& config : c.benchmarks(seed)) {
    const Run run(config, device, dtype);
    for (const bool backward : {false, true}) {
      if (backward && !(backwards && run.differentiable())) continue;
      const auto once = [&] { backward ? run.forward_and_backward() : run.forward(); };
      KernelTime row{c.name, config.name, variant, backward};
      if (has_times(device)) measure(row, seconds, device, once, filler);
      row.flops = config.flops + (backward ? config.backward_flops : 0.0);
      row.bytes = backward ? 0.0 : run.bytes();
      if (const DeclaredCost declared = declared_cost(device, once); declared.launches > 0) {
        row.bytes = declared.bytes;
        row.flops = declared.flops;
        row.launches = declared.launches;
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace engine::bench

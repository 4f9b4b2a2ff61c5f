#include "bench/launches.h"

#include <algorithm>
#include <map>

#include "bench/kernels_left_out.h"
#include "bench/training.h"
#include "engine/tensor/allocator.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cuda/cuda_backend.h"

namespace engine::bench {
namespace {

class Counter final : public gpu::LaunchObserver, public OpObserver {
 public:
  explicit Counter(DType precision) : half_(size_of(precision) == 2) {}
  void launched(std::string_view pretty_function, const gpu::LaunchShape&, const gpu::Cost& cost) override {
    const std::string_view name = gpu::kernel_name(pretty_function);
    KernelLaunches& kernel = by_kernel_[{current_, std::string(name.substr(0, name.find('<')))}];
    ++kernel.launches;
    kernel.bytes += cost.bytes;
    kernel.flops += cost.flops;
    OpLaunches& op = by_op_[current_];
    ++op.launches;
    op.bytes += cost.bytes;
    op.flops += cost.flops;
    // Of the 16-bit operations only products of matrices have tensor cores to run on.
    const bool tensor_cores = half_ && (current_.starts_with("conv2d") || current_ == "matmul");
    for (std::size_t i = 0; i < std::size(gpus); ++i)
      op.seconds[i] += std::max(cost.bytes / gpus[i].bytes_per_second,
                                cost.flops / (tensor_cores ? gpus[i].half_flops : gpus[i].f32_flops));
  }
  void before(Backend&, std::string_view op) override {
    current_ = op;
    ++by_op_[current_].calls;
  }
  void after(Backend&, std::string_view, const std::function<void(const TensorVisitor&)>&) override {}

  void clear() {
    by_op_.clear();
    by_kernel_.clear();
  }
  StepLaunches result() const {
    StepLaunches r;
    r.total.op = "total";
    for (const auto& [name, op] : by_op_) {
      r.ops.push_back(op);
      r.ops.back().op = name;
      r.total.calls += op.calls;
      r.total.launches += op.launches;
      r.total.bytes += op.bytes;
      r.total.flops += op.flops;
      for (std::size_t i = 0; i < std::size(gpus); ++i) r.total.seconds[i] += op.seconds[i];
    }
    for (const auto& [names, kernel] : by_kernel_) {
      r.kernels.push_back(kernel);
      r.kernels.back().op = names.first;
      r.kernels.back().kernel = names.second;
    }
    std::stable_sort(r.ops.begin(), r.ops.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
    return r;
  }

 private:
  bool half_;
  std::string current_ = "outside of operations";
  std::map<std::string, OpLaunches> by_op_;
  std::map<std::pair<std::string, std::string>, KernelLaunches> by_kernel_;
};

// Watches which kernels would have run, for as long as it lives.
class Watching {
 public:
  explicit Watching(Counter& counter)
      : ops_(counter), left_out_(gpus[0].multiprocessors, gpus[0].threads_per_multiprocessor) {
    cuda_emulated::device_context().observer = &counter;
  }
  ~Watching() { cuda_emulated::device_context().observer = nullptr; }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

 private:
  ObserveOps ops_;
  KernelsLeftOut left_out_;
};

}  // namespace

StepLaunches count_launches(StepOptions options) {
  register_cpu_backend();  // networks are built there
  cuda_emulated::register_cuda_backend();
  options.device = Device::cuda_emulated;
  Counter counter(options.precision);
  const Watching watching(counter);
  Training training(options);
  counter.clear();
  allocator_of(options.device).reset_peak();
  training.step();
  StepLaunches r = counter.result();
  r.peak_tensor_bytes = allocator_of(options.device).stats().peak;
  return r;
}

}  // namespace engine::bench

#include "bench/device_clock.h"

#include <fmt/core.h>

#include <chrono>

#include "bench/host_limits.h"
#include "kernels/backend.h"
#include "kernels/cuda/context.h"

namespace engine::bench {
namespace {

class CostSum final : public gpu::LaunchObserver {
 public:
  explicit CostSum(gpu::Context& context) : context_(context), former_(std::exchange(context.observer, this)) {}
  ~CostSum() override { context_.observer = former_; }
  CostSum(const CostSum&) = delete;
  CostSum& operator=(const CostSum&) = delete;
  void launched(std::string_view, const gpu::LaunchShape&, const gpu::Cost& cost) override {
    ++sum.launches;
    sum.bytes += cost.bytes;
    sum.flops += cost.flops;
  }
  DeclaredCost sum;

 private:
  gpu::Context& context_;
  gpu::LaunchObserver* former_;
};

}  // namespace

double seconds_of(Device device, const std::function<void()>& f) {
  if (gpu::Context* c = gpu::context_of(device)) {
    gpu::Runtime& runtime = c->runtime();
    const auto begin = runtime.make_event(), end = runtime.make_event();
    runtime.record(*begin, c->compute());
    f();
    runtime.record(*end, c->compute());
    return 1e-3 * runtime.elapsed(*begin, *end);
  }
  const auto start = std::chrono::steady_clock::now();
  f();
  backend_of(device).synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

DeclaredCost declared_cost(Device device, const std::function<void()>& f) {
  gpu::Context* c = gpu::context_of(device);
  if (!c) return {};
  CostSum watching(*c);
  f();
  return watching.sum;
}

MemoryPeak memory_peak(Device device) {
  const gpu::Context* c = gpu::context_of(device);
  if (!c) return {0, last_level_cache_bytes()};
  return {c->properties().bytes_per_second, static_cast<double>(c->properties().cache)};
}

double f32_peak(Device device) {
  const gpu::Context* c = gpu::context_of(device);
  if (!c) return measured_f32_peak();
  const gpu::DeviceProperties& p = c->properties();
  // "Arithmetic Instructions" in the CUDA C++ Programming Guide.
  const int units = p.capability == 75 || p.capability == 80 ? 64 : 128;
  return 2.0 * units * p.multiprocessors * p.clock_mhz * 1e6;
}

std::string device_words(Device device) {
  const gpu::Context* c = gpu::context_of(device);
  if (!c) return std::string(name_of(device));
  const gpu::DeviceProperties& p = c->properties();
  std::string words = fmt::format("{}, {} multiprocessors", p.name, p.multiprocessors);
  if (p.clock_mhz > 0) words += fmt::format(" at up to {} MHz", p.clock_mhz);
  if (!p.driver.empty()) words += ", driver for " + p.driver;
  return words;
}

}  // namespace engine::bench

#include "bench/step.h"

#include <algorithm>
#include <fstream>

#include "bench/training.h"
#include "engine/tensor/allocator.h"

namespace engine::bench {

std::size_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1024;
  return 0;
}

StepResult bench_step(const StepOptions& o) {
  if (o.steps < 1 || o.batch < 1) throw UsageError("bench step: needs at least one step and one image");
  Training training(o);
  for (int i = 0; i < o.warmup; ++i) training.step();
  StepResult r;
  allocator_of(o.device).reset_peak();
  for (int i = 0; i < o.steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    r.last_loss = training.step();
    r.seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  r.peak_tensor_bytes = allocator_of(o.device).stats().peak;
  r.peak_bytes = peak_resident_bytes();
  std::vector<double> sorted = r.seconds;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
  r.median_seconds = sorted[sorted.size() / 2];
  r.images_per_second = static_cast<double>(o.batch) / r.median_seconds;
  r.gflops = 6.0 * static_cast<double>(training.macs()) / r.median_seconds * 1e-9;
  Profiler profiler;
  {
    const ObserveOps watching(profiler);
    training.step();
  }
  r.ops = profiler.times();
  return r;
}

}  // namespace engine::bench

#include "bench/machine_limits.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "bench/device_clock.h"

namespace engine::bench {

Tensor cache_filler(Device device) {
  const double cache = std::max(memory_peak(device).cache_bytes, 96.0 * (1 << 20));
  return full({static_cast<std::int64_t>(2.0 * cache / sizeof(float))}, 0.0, DType::f32, device);
}

namespace {

// Of half a second's times, five at least, after one that warms up.
double shortest(Device device, const std::function<void()>& f) {
  f();
  double best = std::numeric_limits<double>::infinity(), spent = 0;
  for (int i = 0; i < 5 || spent < 0.5; ++i) {
    const double seconds = seconds_of(device, f);
    best = std::min(best, seconds);
    spent += seconds;
  }
  return best;
}

double measured_bandwidth(Device device) {
  Backend& backend = backend_of(device);
  const Tensor x = cache_filler(device), y = cache_filler(device);
  const double bytes = static_cast<double>(x.bytes());
  return std::max({bytes / shortest(device, [&] { backend.sum(x, {0}, false); }),
                   bytes / shortest(device, [&] { backend.fill_(x, 1.0); }),
                   3.0 * bytes / shortest(device, [&] { backend.accumulate_(x, y); })});
}

}  // namespace

MachineLimits measure_limits(Device device, DType dtype) {
  Backend& backend = backend_of(device);
  MachineLimits limits;
  const std::int64_t n = 2048;
  const Tensor a = full({n, n}, 0.5, dtype, device);
  limits.flops_per_second =
      2.0 * std::pow(static_cast<double>(n), 3) / shortest(device, [&] { backend.matmul(a, a, false, false); });
  const MemoryPeak memory = memory_peak(device);
  limits.data_sheet = memory.bytes_per_second > 0;
  limits.bytes_per_second = limits.data_sheet ? memory.bytes_per_second : measured_bandwidth(device);
  limits.cache_bytes = memory.cache_bytes;
  if (dtype == DType::f32) limits.peak_flops_per_second = f32_peak(device);
  // The product shows at least what units do that are only measured.
  if (!limits.data_sheet && limits.peak_flops_per_second > 0)
    limits.peak_flops_per_second = std::max(limits.peak_flops_per_second, limits.flops_per_second);
  return limits;
}

MachineLimits best_of(const MachineLimits& a, const MachineLimits& b) {
  MachineLimits best = a;
  best.bytes_per_second = std::max(a.bytes_per_second, b.bytes_per_second);
  best.flops_per_second = std::max(a.flops_per_second, b.flops_per_second);
  if (a.peak_flops_per_second > 0)
    best.peak_flops_per_second = std::max(a.peak_flops_per_second, b.peak_flops_per_second);
  return best;
}

}  // namespace engine::bench

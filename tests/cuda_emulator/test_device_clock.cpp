// What bench/ knows of a CUDA device: its own clock, the costs that kernels declare, times that cannot be.
#include <doctest/doctest.h>

#include "bench/device_clock.h"
#include "bench/kernels.h"
#include "kernels/backend.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cuda/cuda_backend.h"

using namespace engine;
using namespace engine::bench;

TEST_CASE("A CUDA device is timed between events, and its kernels tell what they cost") {
  register_cpu_backend();
  cuda_emulated::register_cuda_backend();
  const Tensor x = full({1021}, 2.0, DType::f32, Device::cuda_emulated);
  Backend& b = backend_of(x);
  const auto twice = [&] {
    b.scale(x, 3.0);
    b.add(x, x);
  };
  const DeclaredCost cost = declared_cost(Device::cuda_emulated, twice);
  CHECK(cost.launches == 2);
  CHECK(cost.bytes == 1021 * 4 * (2 + 3));
  CHECK(cost.flops == 1021 * 2);
  CHECK(cuda_emulated::device_context().observer == nullptr);

  // More work takes longer: the events stand around the work, not around its being queued.
  const double one = seconds_of(Device::cuda_emulated, twice);
  const double hundred = seconds_of(Device::cuda_emulated, [&] {
    for (int i = 0; i < 100; ++i) twice();
  });
  CHECK(one > 0.0);
  CHECK(hundred > 10.0 * one);
  CHECK(device_words(Device::cuda_emulated).find("2 multiprocessors") != std::string::npos);
  CHECK(memory_peak(Device::cuda_emulated).bytes_per_second == 0.0);  // it has no data sheet

  const Tensor y = full({1021}, 2.0, DType::f32, Device::cpu);
  CHECK(declared_cost(Device::cpu, [&] { backend_of(y).scale(y, 3.0); }).launches == 0);
  CHECK(seconds_of(Device::cpu, [&] { backend_of(y).scale(y, 3.0); }) > 0.0);
}

TEST_CASE("A time that beats the memory's data sheet is impossible, unless the cache can hold what was written") {
  const MachineLimits limits{.flops_per_second = 1e12, .bytes_per_second = 1e12, .cache_bytes = 50e6};
  KernelTime t;
  t.bytes = 250e6;
  t.cold_seconds = 0.21e-3;  // 200 MB must pass: 0.2 ms
  CHECK_FALSE(impossible(t, limits));
  t.cold_seconds = 0.19e-3;
  CHECK(impossible(t, limits));
  CHECK(share_of_limit(t, limits) > 1.0);
  CHECK_FALSE(impossible(t, {.flops_per_second = 1e12, .bytes_per_second = 1e12}));  // measured limits can be beaten
  t.bytes = 40e6;
  CHECK_FALSE(impossible(t, limits));
}

TEST_CASE("A time that beats the f32 units is impossible; the speed of a large product may be beaten") {
  KernelTime t;
  t.flops = 3e9;
  t.cold_seconds = 1.1e-3;
  MachineLimits limits{.flops_per_second = 2e12, .bytes_per_second = 1e12, .peak_flops_per_second = 3e12};
  CHECK_FALSE(impossible(t, limits));
  CHECK(share_of_limit(t, limits) > 1.0);
  t.cold_seconds = 0.9e-3;
  CHECK(impossible(t, limits));
  t.variant.vendor = true;  // Winograd
  CHECK_FALSE(impossible(t, limits));
  t.variant.vendor = false;
  limits.peak_flops_per_second = 0;
  CHECK_FALSE(impossible(t, limits));
}

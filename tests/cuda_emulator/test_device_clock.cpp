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
  CHECK(memory_peak(Device::cpu).bytes_per_second == 0.0);
  CHECK(f32_peak(Device::cpu) > 0.0);
  CHECK(declared_cost(Device::cpu, [&] { backend_of(y).scale(y, 3.0); }).launches == 0);
  CHECK(seconds_of(Device::cpu, [&] { backend_of(y).scale(y, 3.0); }) > 0.0);
}

TEST_CASE("A time that beats the memory's data sheet is impossible, unless the cache can hold what was written") {
  const MachineLimits limits{.bytes_per_second = 1e12, .cache_bytes = 50e6, .flops_per_second = 1e12};
  KernelTime t;
  t.bytes = 250e6;
  t.cold_seconds = 0.21e-3;  // 200 MB must pass: 0.2 ms
  CHECK_FALSE(impossible(t, limits));
  t.cold_seconds = 0.19e-3;
  CHECK(impossible(t, limits));
  CHECK(share_of_limit(t, limits) > 1.0);
  CHECK_FALSE(impossible(t, {.bytes_per_second = 1e12, .flops_per_second = 1e12}));  // a cache of unknown size
  t.bytes = 40e6;
  CHECK_FALSE(impossible(t, limits));
}

TEST_CASE("A time that beats the f32 units is impossible; where they are no bound, a large product's may be beaten") {
  KernelTime t;
  t.flops = 3e9;
  t.cold_seconds = 1.1e-3;
  MachineLimits limits{.bytes_per_second = 1e12, .flops_per_second = 2e12, .peak_flops_per_second = 3e12};
  CHECK_FALSE(impossible(t, limits));
  CHECK(share_of_limit(t, limits) == doctest::Approx(1.0 / 1.1));
  t.cold_seconds = 0.9e-3;
  CHECK(impossible(t, limits));
  CHECK(share_of_limit(t, limits) > 1.0);
  t.variant.vendor = true;  // Winograd
  CHECK_FALSE(impossible(t, limits));
  t.variant.vendor = false;
  limits.peak_flops_per_second = 0;
  CHECK_FALSE(impossible(t, limits));
  CHECK(share_of_limit(t, limits) == doctest::Approx(1.5 / 0.9));
}

TEST_CASE("Limits measured twice: the higher of each counts, and what is no bound stays none") {
  const MachineLimits slow{.bytes_per_second = 1, .cache_bytes = 5, .flops_per_second = 4, .peak_flops_per_second = 7};
  const MachineLimits fast{.bytes_per_second = 2, .cache_bytes = 5, .flops_per_second = 3, .peak_flops_per_second = 9};
  const MachineLimits best = best_of(slow, fast);
  CHECK(best.bytes_per_second == 2);
  CHECK(best.flops_per_second == 4);
  CHECK(best.peak_flops_per_second == 9);
  CHECK(best.cache_bytes == 5);
  MachineLimits unbound = slow;
  unbound.peak_flops_per_second = 0;
  CHECK(best_of(unbound, fast).peak_flops_per_second == 0);
}

// No other program's time changes these.
TEST_CASE("A CPU's bytes are what must be read and written, once; taps in the padding are no operations") {
  register_cpu_backend();
  struct Expected {
    std::string name;
    double bytes;
  };
  int found = 0;  // a case or size by another name would leave nothing to compare
  for (const conformance::Case& c : conformance::cases())
    if (c.name == "conv2d")
      for (const conformance::Config& config : c.benchmarks(1))
        if (config.name.starts_with("resnet 3x3 low")) {
          ++found;
          CHECK(config.flops == 2.0 * 8 * 512 * 512 * 19 * 19);  // 7 rows of 3 taps, less one above and one below
        }
  CHECK(found == 1);
  const double picture = 4.0 * 16 * 64 * 112 * 112, map = 4.0 * 8 * 256 * 56 * 56;
  for (const Expected& e : {Expected{"fill_", picture}, Expected{"copy_", 2 * picture}, Expected{"clone", 2 * picture},
                            Expected{"slice", map}, Expected{"accumulate_", 3 * map}}) {
    CAPTURE(e.name);
    for (const conformance::Case& c : conformance::cases())
      if (c.name == e.name) {
        const auto rows = time_kernels(c, Device::cpu, {0, false, "-"}, false, DType::f32, 1, 1e-3);
        ++found;
        REQUIRE(rows.size() == 1);
        CHECK(rows[0].bytes == e.bytes);
        CHECK(rows[0].cold_seconds > 0.0);
      }
  }
  CHECK(found == 1 + 5);
}

#include "bench/host_limits.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "engine/tensor/multiversion.h"

namespace engine::bench {
namespace {

using Lanes8 = float __attribute__((vector_size(32)));   // a register of AVX
using Lanes16 = float __attribute__((vector_size(64)));  // of AVX-512
constexpr std::int64_t rounds = 1 << 16;
// Sums that wait only for themselves: at least the latency of an addition times the units, at most the registers.
constexpr int chains = 12;

template <class Lanes>
[[gnu::always_inline]] inline float multiply_add() {
  Lanes sum[chains];
  for (int c = 0; c < chains; ++c) sum[c] = Lanes{} + static_cast<float>(3 + c);  // alike, they would be computed once
  for (std::int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 16
    for (Lanes& s : sum) s = s * 0.5f + 1.0f;
  float total = 0;
  for (const Lanes& s : sum)
    for (std::size_t i = 0; i < sizeof(Lanes) / sizeof(float); ++i) total += s[i];
  return total;
}

ENGINE_MULTIVERSION float in_lanes_of_8() { return multiply_add<Lanes8>(); }
ENGINE_MULTIVERSION float in_lanes_of_16() { return multiply_add<Lanes16>(); }

double rate(float (*work)(), int lanes) {
  double best = 0;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const int threads = omp_get_max_threads();
    float total = 0;
    const auto start = std::chrono::steady_clock::now();
#pragma omp parallel for schedule(static, 1) reduction(+ : total)
    for (int t = 0; t < threads; ++t) total += work();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // Each lane tends to 2; asking for it keeps the compiler from leaving the work out.
    if (total > 0) best = std::max(best, 2.0 * chains * lanes * static_cast<double>(rounds) * threads / seconds);
  }
  return best;
}

}  // namespace

double measured_f32_peak() { return std::max(rate(in_lanes_of_8, 8), rate(in_lanes_of_16, 16)); }

double last_level_cache_bytes() {
  namespace fs = std::filesystem;
  int last = 0;
  double bytes = 0;
  std::set<std::string> seen;  // a cache that cores share is listed once for each
  std::error_code ignored;
  for (int cpu = 0; fs::exists("/sys/devices/system/cpu/cpu" + std::to_string(cpu), ignored); ++cpu)
    for (int index = 0;; ++index) {
      const fs::path folder =
          "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache/index" + std::to_string(index);
      int level = 0;
      double kib = 0;
      std::string shared_by;
      if (!(std::ifstream(folder / "level") >> level) || !(std::ifstream(folder / "size") >> kib)) break;
      std::ifstream(folder / "shared_cpu_list") >> shared_by;
      if (level < last || !seen.insert(std::to_string(level) + ":" + shared_by).second) continue;
      if (level > last) bytes = 0;
      last = level;
      bytes += 1024 * kib;  // "32768K", for every size
    }
  return bytes;
}

}  // namespace engine::bench

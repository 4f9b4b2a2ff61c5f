#include "tests/cuda_resources/occupancy.h"

#include <algorithm>

#include "engine/tensor/error.h"

namespace engine::test {
namespace {

struct Multiprocessor {
  int architecture, warps, blocks, shared_kib;
};
constexpr Multiprocessor multiprocessors[] = {{75, 32, 16, 64},  {80, 64, 32, 164}, {86, 48, 16, 100},
                                              {89, 48, 24, 100}, {90, 64, 32, 228}, {100, 64, 32, 228},
                                              {120, 48, 24, 100}};
constexpr int all_registers = 65536, parts = 4;  // each part has its warps and a fourth of the registers

int up_to_multiple(int n, int of) { return (n + of - 1) / of * of; }

}  // namespace

int occupancy(int architecture, int threads, int registers, int shared) {
  const auto* m = std::find_if(std::begin(multiprocessors), std::end(multiprocessors),
                               [&](const Multiprocessor& p) { return p.architecture == architecture; });
  if (m == std::end(multiprocessors)) throw UsageError("occupancy on sm_{} is not known", architecture);
  const int warps = up_to_multiple(threads, 32) / 32;
  const int warps_by_registers = all_registers / parts / up_to_multiple(registers * 32, 256) * parts;
  int blocks = std::min({m->blocks, m->warps / warps, warps_by_registers / warps});
  // From sm_80 on the system keeps 1 KiB of each block.
  const int kept = architecture >= 80 ? 1024 : 0, granule = architecture >= 80 ? 128 : 256;
  if (shared + kept > 0) blocks = std::min(blocks, m->shared_kib * 1024 / (up_to_multiple(shared, granule) + kept));
  return 100 * blocks * warps / m->warps;
}

}  // namespace engine::test

#include <doctest/doctest.h>

#include <functional>

#include "kernels/cuda/cudnn_cache.h"
#include "tests/cudnn/devices.h"
#include "tests/cudnn/installed.h"

namespace engine::gpu::cudnn {
namespace {

PlanKey key() {
  return {{.x = {8, 64, 28, 28},
           .w = {64, 64, 3, 3},
           .params = {.padding = Padding2d::same(1)},
           .dtype = DType::f16,
           .result = DType::f16},
          test::device_sheet("A100").choice()};
}

// Every field, changed by itself.
const std::function<void(PlanKey&)> changes[] = {
    [](PlanKey& k) { k.problem.direction = Direction::data_gradient; },
    [](PlanKey& k) { k.problem.x = {9, 64, 28, 28}; },
    [](PlanKey& k) { k.problem.w = {65, 64, 3, 3}; },
    [](PlanKey& k) { k.problem.params.stride[0] = 2; },
    [](PlanKey& k) { k.problem.params.stride[1] = 2; },
    [](PlanKey& k) { k.problem.params.padding.top = 2; },
    [](PlanKey& k) { k.problem.params.padding.bottom = 2; },
    [](PlanKey& k) { k.problem.params.padding.left = 2; },
    [](PlanKey& k) { k.problem.params.padding.right = 2; },
    [](PlanKey& k) { k.problem.params.dilation[0] = 2; },
    [](PlanKey& k) { k.problem.params.dilation[1] = 2; },
    [](PlanKey& k) { k.problem.params.groups = 2; },
    [](PlanKey& k) { k.problem.dtype = DType::bf16; },
    [](PlanKey& k) { k.problem.result = DType::bf16; },
    [](PlanKey& k) { k.problem.math = Math::tf32; },
    [](PlanKey& k) { k.problem.deterministic = true; },
    [](PlanKey& k) { k.problem.alignment = 8; },
    [](PlanKey& k) { k.problem.workspace_limit = 1 << 20; },
    [](PlanKey& k) { k.device.id = 1; },
    [](PlanKey& k) { k.device = test::device_sheet("H100").choice(); },
};

TEST_CASE("keys that differ in one field differ, and so do their hashes") {
  const PlanKeyHash hash;
  CHECK(key() == key());
  CHECK(hash(key()) == hash(key()));
  int n = 0;
  for (const auto& change : changes) {
    PlanKey other = key();
    change(other);
    CAPTURE(n++);
    CHECK_FALSE(other == key());
    CHECK(hash(other) != hash(key()));
  }
}

TEST_CASE("one question to cuDNN for equal keys, another for every field that differs") {
  const Api* api = test::installed_cudnn("the cache of plans");
  if (!api) return;
  PlanCache cache(*api);
  const PlanResult* first = &cache.plan(key());
  REQUIRE(std::holds_alternative<Plan>(*first));
  CHECK(&cache.plan(key()) == first);
  std::size_t expected = 1;
  for (const auto& change : changes) {
    PlanKey other = key();
    change(other);
    const PlanResult* second = &cache.plan(other);
    CHECK(second != first);
    CHECK(cache.size() == ++expected);
    CHECK(&cache.plan(other) == second);
  }
  CHECK(cache.size() == expected);
}

TEST_CASE("that there is no plan is remembered too") {
  const Api* api = test::installed_cudnn("the cache of refusals");
  if (!api) return;
  PlanCache cache(*api);
  PlanKey k = key();
  k.problem.dtype = k.problem.result = DType::f64;
  const PlanResult* first = &cache.plan(k);
  CHECK(std::holds_alternative<NoPlan>(*first));
  CHECK(&cache.plan(k) == first);
}

}  // namespace
}  // namespace engine::gpu::cudnn

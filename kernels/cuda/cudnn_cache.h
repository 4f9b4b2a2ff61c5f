// Plans by problem and device: asking cuDNN takes milliseconds, a step has hundreds of convolutions.
#pragma once

#include <mutex>
#include <unordered_map>

#include "kernels/cuda/cudnn_plan.h"

namespace engine::gpu::cudnn {

/// Equal only where a plan for one serves the other. Of one version of cuDNN: a process has one.
struct PlanKey {
  ConvProblem problem;
  DeviceChoice device;
  bool operator==(const PlanKey&) const = default;
};
struct PlanKeyHash {
  std::size_t operator()(const PlanKey& key) const;
};

/// May be used from several threads. Remembers also that there is no plan.
class PlanCache {
 public:
  /// The Api outlives the cache.
  explicit PlanCache(const Api& api) : api_(api) {}

  /// The result lives as long as the cache.
  const PlanResult& plan(const PlanKey& key);
  std::size_t size() const;

 private:
  const Api& api_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Descriptor> devices_;
  std::unordered_map<PlanKey, PlanResult, PlanKeyHash> plans_;
};

}  // namespace engine::gpu::cudnn

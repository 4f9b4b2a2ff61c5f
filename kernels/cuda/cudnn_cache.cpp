#include "kernels/cuda/cudnn_cache.h"

#include <functional>

namespace engine::gpu::cudnn {
namespace {

class Hash {
 public:
  template <class T>
  Hash& operator<<(const T& value) {
    if constexpr (std::is_enum_v<T>)
      add(static_cast<std::size_t>(value));
    else
      add(std::hash<T>()(value));
    return *this;
  }
  Hash& operator<<(const Shape& shape) {
    for (const std::int64_t d : shape.dims()) *this << d;
    return *this;
  }
  std::size_t value() const { return state_; }

 private:
  // SplitMix64: neighbouring shapes must not collide.
  void add(std::size_t v) {
    state_ += v + 0x9e3779b97f4a7c15u;
    state_ = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9u;
    state_ = (state_ ^ (state_ >> 27)) * 0x94d049bb133111ebu;
    state_ ^= state_ >> 31;
  }
  std::size_t state_ = 0;
};

}  // namespace

std::size_t PlanKeyHash::operator()(const PlanKey& key) const {
  const ConvProblem& p = key.problem;
  Hash h;
  h << p.direction << p.x << p.w << p.dtype << p.result << p.math << p.deterministic << p.alignment
    << p.workspace_limit;
  const Conv2dParams& c = p.params;
  h << c.stride[0] << c.stride[1] << c.dilation[0] << c.dilation[1] << c.groups;
  h << c.padding.top << c.padding.bottom << c.padding.left << c.padding.right;
  h << key.device.id << key.device.json;
  return h.value();
}

const PlanResult& PlanCache::plan(const PlanKey& key) {
  const std::lock_guard lock(mutex_);
  if (const auto known = plans_.find(key); known != plans_.end()) return known->second;
  const std::string name = fmt::format("{} {}", key.device.id, key.device.json);
  auto device = devices_.find(name);
  if (device == devices_.end()) device = devices_.emplace(name, describe(api_, key.device)).first;
  return plans_.emplace(key, plan_convolution(api_, key.problem, device->second)).first->second;
}

std::size_t PlanCache::size() const {
  const std::lock_guard lock(mutex_);
  return plans_.size();
}

}  // namespace engine::gpu::cudnn

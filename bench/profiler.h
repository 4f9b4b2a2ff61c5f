// Time per operation, for `bench step` and for anyone who wonders where a step goes.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace engine::bench {

struct OpTime {
  std::string op;
  std::int64_t calls = 0;
  double seconds = 0;
};

/// Waits for the device after each operation, so it slows asynchronous devices down; use it on a step of its own.
class Profiler final : public OpObserver {
 public:
  void before(Backend& backend, std::string_view op) override;
  void after(Backend& backend, std::string_view op, const std::function<void(const TensorVisitor&)>&) override;
  /// Slowest first.
  std::vector<OpTime> times() const;

 private:
  std::map<std::string, OpTime, std::less<>> by_op_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace engine::bench

#include "bench/profiler.h"

#include <algorithm>

namespace engine::bench {

void Profiler::before(Backend&, std::string_view) { start_ = std::chrono::steady_clock::now(); }

void Profiler::after(Backend& backend, std::string_view op, const std::function<void(const TensorVisitor&)>&) {
  backend.synchronize();
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
  auto it = by_op_.find(op);
  if (it == by_op_.end()) it = by_op_.emplace(std::string(op), OpTime{std::string(op)}).first;
  ++it->second.calls;
  it->second.seconds += spent.count();
}

std::vector<OpTime> Profiler::times() const {
  std::vector<OpTime> rows;
  for (const auto& [name, row] : by_op_) rows.push_back(row);
  std::sort(rows.begin(), rows.end(), [](const OpTime& a, const OpTime& b) { return a.seconds > b.seconds; });
  return rows;
}

}  // namespace engine::bench

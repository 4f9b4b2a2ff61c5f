#include "bench/conformance/auditor.h"

namespace engine::conformance {
namespace {

std::vector<std::byte> bytes_of(Backend& backend, const Tensor& x) {
  std::vector<std::byte> bytes(x.bytes());
  backend.to_host(x, bytes.data());
  return bytes;
}

}  // namespace

void Auditor::before(const OpCall& call) {
  states_.clear();
  for (const Tensor& t : call.arguments) states_.push_back({bytes_of(own(), t), t.storage()->version});
}

void Auditor::after(const OpCall& call) {
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const Tensor& t = call.arguments[i];
    const bool changed = bytes_of(own(), t) != states_[i].bytes, told = t.storage()->version != states_[i].version;
    // A write may leave the same numbers; telling is then allowed in operations that write.
    if (changed && !told)
      broken_rules_.push_back(
          fmt::format("{} changed tensor argument {} without telling Storage::version", call.op, i));
    if (told && !call.op.ends_with('_') && call.op != "batch_norm_train")
      broken_rules_.push_back(fmt::format("{} says it wrote tensor argument {}", call.op, i));
  }
}

}  // namespace engine::conformance

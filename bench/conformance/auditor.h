// Watches that operations write what they may and nothing else, down to tensors that only backward ever sees.
#pragma once

#include <string>
#include <vector>

#include "bench/conformance/interceptor.h"

namespace engine::conformance {

class Auditor final : public Interceptor {
 public:
  explicit Auditor(Backend& inner) : Interceptor(inner) {}
  /// Arguments that changed while Storage::version stayed, or the other way round.
  const std::vector<std::string>& broken_rules() const { return broken_rules_; }

 protected:
  void before(const OpCall& call) override;
  void after(const OpCall& call) override;

 private:
  struct State {
    std::vector<std::byte> bytes;
    std::uint64_t version;
  };
  std::vector<State> states_;
  std::vector<std::string> broken_rules_;
};

}  // namespace engine::conformance

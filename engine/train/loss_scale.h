// Dynamic loss scaling: gradients too small for f16 are kept by multiplying the loss. Micikevicius et al., "Mixed
// Precision Training", 2018, section 3.2; the constants are those of PyTorch's GradScaler.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>

namespace engine {

struct LossScale {
  double value = 1.0;             ///< what the loss is multiplied by
  std::int64_t steps_behind = 0;  ///< since `value` changed
  std::int64_t skipped = 0;       ///< steps without an update, in the whole run

  static constexpr std::int64_t patience = 2000;
  static constexpr double smallest = 1.0;
  static constexpr double largest = 16777216.0;  ///< 2^24

  /// False where a smaller scale cannot be what is missing.
  bool may_shrink() const { return value > smallest; }
  /// After a step whose gradients overflowed and were thrown away.
  void shrink() {
    value = std::max(value / 2.0, smallest);
    steps_behind = 0;
    ++skipped;
  }
  /// After a step that was taken.
  void keep() {
    if (++steps_behind < patience) return;
    value = std::min(value * 2.0, largest);
    steps_behind = 0;
  }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LossScale, value, steps_behind, skipped)

}  // namespace engine

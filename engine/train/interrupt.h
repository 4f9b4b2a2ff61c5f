// SIGINT and SIGTERM as a wish to stop after the present step.
#pragma once

namespace engine {

/// While it lives, the first SIGINT or SIGTERM only sets a flag; the second one kills as usual.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  bool requested() const;
};

}  // namespace engine

// The work of a training step as one CUDA graph: hundreds of launches become one order of the host.
#pragma once

#include <memory>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cuda/context.h"

namespace engine::gpu {

/// What work needs to be written down while Context::recorder points here, and to run again afterwards.
class Recorder final : public Recording {
 public:
  /// Begins. Throws UsageError where another one is being written down.
  explicit Recorder(Context& context);
  ~Recorder() override;  ///< waits for runs
  void end() override;
  void run(std::uint32_t random_step) override;

  /// Page-locked host memory with a copy of these bytes, for as long as the recording lives.
  const void* keep(const void* from, std::size_t bytes);
  /// Device memory that holds `random_step` whenever the recording runs.
  const std::uint32_t* random_step() const { return static_cast<const std::uint32_t*>(random_step_.raw()); }

 private:
  /// False where it has ended before.
  bool stop();

  Context& context_;
  Tensor random_step_;
  std::vector<void*> kept_;
  std::unique_ptr<Graph> graph_;
};

}  // namespace engine::gpu

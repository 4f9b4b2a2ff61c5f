// Runs plans on a stream. Nothing here knows tensors or kernels: pointers to channels-last memory are enough.
#pragma once

#include <memory>

#include "kernels/cuda/cudnn_cache.h"

namespace engine::gpu::cudnn {

/// What every convolution of a process is held to; own kernels keep the first two.
struct ExecutorOptions {
  Math math = Math::strict;
  bool deterministic = true;
  std::int64_t workspace_limit = std::int64_t{1} << 30;
};

class Executor {
 public:
  /// `stream` is a cudaStream_t of the device. Throws CudnnError where cuDNN cannot use it. The Api outlives it.
  Executor(const Api& api, DeviceChoice device, void* stream, const ExecutorOptions& options = {});
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// A convolution as this executor's options want it. `alignment` in bytes, of all three tensors.
  ConvProblem problem(Direction direction, const Shape& x, const Shape& w, const Conv2dParams& params, DType dtype,
                      std::int64_t alignment) const;
  /// Null where there is none; lives as long as this.
  const Plan* plan(const ConvProblem& problem);
  /// The next plan for this problem needs less than half of the workspace of its last, for which there is no memory. Other
  /// problems keep theirs: what ran before a recording is what runs in it.
  void want_smaller(const ConvProblem& problem);
  /// Appends the convolution to the stream. One of the three is written, by the plan's direction. All memory, the
  /// workspace of plan.engine.workspace bytes too, must live until the stream has passed it.
  void run(const Plan& plan, void* x, void* w, void* y, void* workspace);

  const Api& api() const { return api_; }

 private:
  const Api& api_;
  DeviceChoice device_;
  ExecutorOptions options_;
  void* handle_ = nullptr;
  PlanCache cache_;
  std::unordered_map<PlanKey, std::int64_t, PlanKeyHash> limits_;  // of problems that found no memory
};

/// For GPU 0, or null and why: not wanted (no stream), no library, one we do not know, no device.
struct MachineExecutor {
  std::unique_ptr<Executor> executor;
  std::string words;  ///< "cuDNN 9.19.0, strict f32", or "own kernels: " and the reason
};
MachineExecutor machine_executor(void* stream, const ExecutorOptions& options);

}  // namespace engine::gpu::cudnn

// Whether the targets of a cross-entropy are classes. The contract wants an error for those that are not, so somebody
// has to wait for the device to look; this keeps the wait short and rare.
#pragma once

#include <memory>

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// Queues a search for wrong targets, then waits for it: what is queued between construction and finish() keeps the
/// device busy while the host learns the answer, which travels on the download stream and so does not wait for it.
/// A tensor that was found right is not looked at again before an engine operation writes it (Storage::version): the
/// backward pass waits for nothing, and neither does a loss whose targets were checked when they came to the device.
/// Memory rewritten without an operation is not noticed, and recorded work does not look, since nobody may wait for it;
/// a wrong target there makes NaN, never a wrong access.
class TargetCheck {
 public:
  TargetCheck(Context& c, const Tensor& target, std::int64_t classes, std::int64_t ignore_index);
  /// Throws DataError naming the first row whose target is neither in [0, classes) nor ignore_index.
  void finish();

 private:
  Context& c_;
  Tensor target_, first_;  // first_: the row found; undefined where nothing is to be done
  std::int64_t classes_, ignore_index_;
  std::unique_ptr<gpu::Event> searched_;
};

}  // namespace engine::ENGINE_CUDA_NS

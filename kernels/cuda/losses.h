// Losses, as ops.def declares them. Sums are in double and in a fixed order.
#pragma once

#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

/// Waits once for each new target tensor (target_check.h).
CrossEntropyResult softmax_cross_entropy(Context& c, const Tensor& logits, const Tensor& target,
                                         const Tensor& class_weight, const CrossEntropyParams& p);
Tensor softmax_cross_entropy_backward(Context& c, const Tensor& log_prob, const Tensor& target,
                                      const Tensor& class_weight, const Tensor& dloss, const CrossEntropyParams& p);
Tensor bce_with_logits(Context& c, const Tensor& logits, const Tensor& target, const Tensor& pos_weight,
                       const BceParams& p);
Tensor bce_with_logits_backward(Context& c, const Tensor& logits, const Tensor& target, const Tensor& pos_weight,
                                const Tensor& dloss, const BceParams& p);

}  // namespace engine::ENGINE_CUDA_NS

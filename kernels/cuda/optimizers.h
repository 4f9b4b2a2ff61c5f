// Optimiser steps over all parameters at once, as ops.def declares them: one launch each, whatever the number of
// parameters (clip_grad_norm_: three).
#pragma once

#include <vector>

#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

void sgd_(Context& c, const std::vector<OptimizerSlot>& slots, const SgdParams& p, const UpdateNumbers& now);
void adam_(Context& c, const std::vector<OptimizerSlot>& slots, const AdamParams& p, const UpdateNumbers& now);
void rmsprop_(Context& c, const std::vector<OptimizerSlot>& slots, const RmspropParams& p, const UpdateNumbers& now);
void ema_(Context& c, const std::vector<Tensor>& averages, const std::vector<Tensor>& values, double decay,
          const Tensor& norm);
Tensor clip_grad_norm_(Context& c, const std::vector<Tensor>& grads, double max_norm, const Tensor& loss_scale);

}  // namespace engine::ENGINE_CUDA_NS

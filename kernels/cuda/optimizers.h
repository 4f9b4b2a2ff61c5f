// Optimiser steps over all parameters at once, as ops.def declares them: one launch each, whatever the number of
// parameters (clip_grad_norm_: three).
#pragma once

#include <vector>

#include "kernels/cuda/layout.h"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

void sgd_(Context& c, const std::vector<OptimizerSlot>& slots, const SgdParams& p);
void adam_(Context& c, const std::vector<OptimizerSlot>& slots, const AdamParams& p);
void rmsprop_(Context& c, const std::vector<OptimizerSlot>& slots, const RmspropParams& p);
void ema_(Context& c, const std::vector<Tensor>& averages, const std::vector<Tensor>& values, double decay);
Tensor clip_grad_norm_(Context& c, const std::vector<Tensor>& grads, double max_norm, double factor);

}  // namespace engine::ENGINE_CUDA_NS

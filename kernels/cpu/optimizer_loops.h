// One pass over n elements of a parameter, its gradient and its state.
#pragma once

#include <cstdint>

namespace engine::cpu {

/// Numbers of one step, computed in double once and rounded.
struct SgdStep {
  float lr, weight_decay, momentum, gradient_share;  ///< gradient_share = 1 - dampening
  bool nesterov, first;  ///< in the first step the buffer becomes the gradient
};
/// m is null where there is no momentum.
void sgd_step(const SgdStep& s, float* w, const float* g, float* m, std::int64_t n);

struct AdamStep {
  float rate;          ///< lr / (1 - beta1^step)
  float l2, shrink;    ///< decay added to the gradient; factor of the weight (AdamW)
  float beta1, rest1, beta2, rest2;
  float root_scale;    ///< 1 / sqrt(1 - beta2^step)
  float eps;
};
void adam_step(const AdamStep& s, float* w, const float* g, float* m, float* v, std::int64_t n);

struct RmspropStep {
  float lr, weight_decay, alpha, rest, eps, momentum;
};
/// m is null where there is no momentum.
void rmsprop_step(const RmspropStep& s, float* w, const float* g, float* m, float* v, std::int64_t n);

/// average = decay * average + rest * value.
void ema_step(float* average, const float* value, float decay, float rest, std::int64_t n);

void scale_in_place(float* x, float factor, std::int64_t n);

}  // namespace engine::cpu

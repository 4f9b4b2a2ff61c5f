#include "kernels/cpu/optimizer_loops.h"

#include <cmath>

#include "engine/tensor/multiversion.h"
#include "kernels/cpu/vector_math.h"

namespace engine::cpu {
namespace {

template <bool first, bool nesterov>
ENGINE_INLINE void momentum_step(const SgdStep& s, float* w, const float* g, float* m, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float d = g[i] + s.weight_decay * w[i];
    // The buffer is not read in the first step: it may hold anything.
    const float buffer = first ? d : s.momentum * m[i] + s.gradient_share * d;
    m[i] = buffer;
    w[i] -= s.lr * (nesterov ? d + s.momentum * buffer : buffer);
  }
}

}  // namespace

ENGINE_MULTIVERSION
void sgd_step(const SgdStep& s, float* w, const float* g, float* m, std::int64_t n) {
  if (!m)
    for (std::int64_t i = 0; i < n; ++i) w[i] -= s.lr * (g[i] + s.weight_decay * w[i]);
  else if (s.first)
    s.nesterov ? momentum_step<true, true>(s, w, g, m, n) : momentum_step<true, false>(s, w, g, m, n);
  else
    s.nesterov ? momentum_step<false, true>(s, w, g, m, n) : momentum_step<false, false>(s, w, g, m, n);
}

ENGINE_MULTIVERSION
void adam_step(const AdamStep& s, float* w, const float* g, float* m, float* v, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float d = g[i] + s.l2 * w[i];
    m[i] = s.beta1 * m[i] + s.rest1 * d;
    v[i] = s.beta2 * v[i] + s.rest2 * d * d;
    w[i] = w[i] * s.shrink - s.rate * m[i] / (std::sqrt(v[i]) * s.root_scale + s.eps);
  }
}

ENGINE_MULTIVERSION
void rmsprop_step(const RmspropStep& s, float* w, const float* g, float* m, float* v, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float d = g[i] + s.weight_decay * w[i];
    v[i] = s.alpha * v[i] + s.rest * d * d;
    float update = d / (std::sqrt(v[i]) + s.eps);
    if (m) update = m[i] = s.momentum * m[i] + update;
    w[i] -= s.lr * update;
  }
}

ENGINE_MULTIVERSION
void ema_step(float* average, const float* value, float decay, float rest, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) average[i] = decay * average[i] + rest * value[i];
}

ENGINE_MULTIVERSION
void scale_in_place(float* x, float factor, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
}

}  // namespace engine::cpu

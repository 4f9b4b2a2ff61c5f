// The activation functions and their slopes, in float.
#pragma once

#include "kernels/cuda/numbers.cuh"
#include "kernels/types.h"

namespace engine::ENGINE_CUDA_NS {

__device__ __forceinline__ float relu6(float x) {
  const float positive = x < 0.0f ? 0.0f : x;  // written so that NaN stays NaN
  return positive > 6.0f ? 6.0f : positive;
}
__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

constexpr float gelu_cubic = 0.044715f, sqrt_2_over_pi = 0.79788456080286536f, inv_sqrt_2pi = 0.39894228040143268f;
// (1 + tanh(u)) / 2 = sigmoid(2 u), which does not cancel where tanh is near -1. This is 2 u.
__device__ __forceinline__ float gelu_tanh_inner(float x) {
  return 2.0f * sqrt_2_over_pi * (x + gelu_cubic * x * x * x);
}
// s (1 - s) for s = sigmoid(x), without cancellation.
__device__ __forceinline__ float sigmoid_slope(float x) {
  const float e = expf(-fabsf(x));
  return e / ((1.0f + e) * (1.0f + e));
}

template <Activation A>
struct Activate {
  float slope;  // leaky_relu only
  __device__ __forceinline__ float operator()(float x) const {
    if constexpr (A == Activation::relu) return x < 0.0f ? 0.0f : x;
    else if constexpr (A == Activation::relu6) return relu6(x);
    else if constexpr (A == Activation::leaky_relu) return x > 0.0f ? x : x * slope;
    else if constexpr (A == Activation::sigmoid) return sigmoid(x);
    else if constexpr (A == Activation::tanh) return tanhf(x);
    else if constexpr (A == Activation::silu) return x / (1.0f + expf(-x));
    else if constexpr (A == Activation::hard_sigmoid) return relu6(x + 3.0f) / 6.0f;
    else if constexpr (A == Activation::hard_swish) return x * relu6(x + 3.0f) / 6.0f;
    else if constexpr (A == Activation::gelu_erf) return x * normcdff(x);
    else return x * sigmoid(gelu_tanh_inner(x));
  }
};

/// dy times the slope at x.
template <Activation A>
struct ActivateBackward {
  float slope;
  __device__ __forceinline__ float operator()(float x, float dy) const {
    if constexpr (A == Activation::relu) {
      return x <= 0.0f ? 0.0f : dy;
    } else if constexpr (A == Activation::relu6) {
      return x <= 0.0f || x >= 6.0f ? 0.0f : dy;
    } else if constexpr (A == Activation::leaky_relu) {
      return x > 0.0f ? dy : dy * slope;
    } else if constexpr (A == Activation::sigmoid) {
      return dy * sigmoid_slope(x);
    } else if constexpr (A == Activation::tanh) {
      return dy * (4.0f * sigmoid_slope(2.0f * x));  // 1 - tanh^2 without cancellation
    } else if constexpr (A == Activation::silu) {
      const float s = sigmoid(x);
      return dy * (s * (1.0f + x * (1.0f - s)));
    } else if constexpr (A == Activation::hard_sigmoid) {
      return x > -3.0f && x < 3.0f ? dy * (1.0f / 6.0f) : 0.0f;
    } else if constexpr (A == Activation::hard_swish) {
      return x <= -3.0f ? 0.0f : x < 3.0f ? dy * (x / 3.0f + 0.5f) : dy;
    } else if constexpr (A == Activation::gelu_erf) {
      return dy * (normcdff(x) + x * (inv_sqrt_2pi * expf(-0.5f * x * x)));
    } else {
      const float inner = gelu_tanh_inner(x);
      const float inner_slope = 2.0f * sqrt_2_over_pi * (1.0f + 3.0f * gelu_cubic * x * x);
      return dy * (sigmoid(inner) + x * sigmoid_slope(inner) * inner_slope);
    }
  }
};

/// Calls f(std::integral_constant<Activation, kind>{}).
template <class F>
void with_activation(Activation kind, F&& f) {
  switch (kind) {
    case Activation::relu: return f(std::integral_constant<Activation, Activation::relu>{});
    case Activation::relu6: return f(std::integral_constant<Activation, Activation::relu6>{});
    case Activation::leaky_relu: return f(std::integral_constant<Activation, Activation::leaky_relu>{});
    case Activation::sigmoid: return f(std::integral_constant<Activation, Activation::sigmoid>{});
    case Activation::tanh: return f(std::integral_constant<Activation, Activation::tanh>{});
    case Activation::silu: return f(std::integral_constant<Activation, Activation::silu>{});
    case Activation::hard_sigmoid: return f(std::integral_constant<Activation, Activation::hard_sigmoid>{});
    case Activation::hard_swish: return f(std::integral_constant<Activation, Activation::hard_swish>{});
    case Activation::gelu_erf: return f(std::integral_constant<Activation, Activation::gelu_erf>{});
    case Activation::gelu_tanh: return f(std::integral_constant<Activation, Activation::gelu_tanh>{});
  }
}

}  // namespace engine::ENGINE_CUDA_NS

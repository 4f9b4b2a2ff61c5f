#include "kernels/cpu/elementwise_loops.h"

#include "engine/tensor/multiversion.h"
#include "kernels/cpu/vector_math.h"

namespace engine::cpu {
namespace {

// Each activation: its value, and dy times its derivative. `slope` is for leaky ReLU only.
struct Relu {
  static ENGINE_INLINE float value(float x, float) { return x < 0.0f ? 0.0f : x; }
  static ENGINE_INLINE float gradient(float x, float dy, float) { return x <= 0.0f ? 0.0f : dy; }
};
struct Relu6 {
  static ENGINE_INLINE float value(float x, float) {
    const float positive = x < 0.0f ? 0.0f : x;
    return positive > 6.0f ? 6.0f : positive;
  }
  static ENGINE_INLINE float gradient(float x, float dy, float) { return ((x <= 0.0f) | (x >= 6.0f)) ? 0.0f : dy; }
};
struct LeakyRelu {
  static ENGINE_INLINE float value(float x, float slope) { return x > 0.0f ? x : x * slope; }
  static ENGINE_INLINE float gradient(float x, float dy, float slope) { return x > 0.0f ? dy : dy * slope; }
};
struct Sigmoid {
  static ENGINE_INLINE float value(float x, float) { return vector_sigmoid(x); }
  static ENGINE_INLINE float gradient(float x, float dy, float) {
    const float e = vector_exp(-__builtin_fabsf(x));  // s (1 - s) without cancellation
    return dy * (e / ((1.0f + e) * (1.0f + e)));
  }
};
struct Tanh {
  static ENGINE_INLINE float value(float x, float) { return vector_tanh(x); }
  static ENGINE_INLINE float gradient(float x, float dy, float) {
    const float e = vector_exp(-2.0f * __builtin_fabsf(x));  // 1 - tanh^2 without cancellation
    return dy * (4.0f * e / ((1.0f + e) * (1.0f + e)));
  }
};
struct Silu {
  static ENGINE_INLINE float value(float x, float) { return x / (1.0f + vector_exp(-x)); }
  static ENGINE_INLINE float gradient(float x, float dy, float) {
    const float s = vector_sigmoid(x);
    return dy * (s * (1.0f + x * (1.0f - s)));
  }
};
struct HardSigmoid {
  static ENGINE_INLINE float value(float x, float) { return Relu6::value(x + 3.0f, 0.0f) / 6.0f; }
  static ENGINE_INLINE float gradient(float x, float dy, float) {
    return ((x > -3.0f) & (x < 3.0f)) ? dy * (1.0f / 6.0f) : 0.0f;
  }
};
struct HardSwish {
  static ENGINE_INLINE float value(float x, float) { return x * Relu6::value(x + 3.0f, 0.0f) / 6.0f; }
  static ENGINE_INLINE float gradient(float x, float dy, float) {
    const float middle = dy * (x / 3.0f + 0.5f);
    const float upper = x >= 3.0f ? dy : middle;
    return x <= -3.0f ? 0.0f : upper;
  }
};
struct GeluErf {
  static constexpr float inv_sqrt2 = 0.70710678118654752f, inv_sqrt_2pi = 0.39894228040143268f;
  static ENGINE_INLINE float cdf(float x) { return 0.5f + 0.5f * vector_erf(x * inv_sqrt2); }
  static ENGINE_INLINE float value(float x, float) { return x * cdf(x); }
  static ENGINE_INLINE float gradient(float x, float dy, float) {
    return dy * (cdf(x) + x * (inv_sqrt_2pi * vector_exp(-0.5f * x * x)));
  }
};
struct GeluTanh {
  static constexpr float k = 0.79788456080286536f, cubic = 0.044715f;
  // (1 + tanh u) / 2 = sigmoid(2u), which does not cancel where u is far below zero.
  static ENGINE_INLINE float cdf(float x) { return vector_sigmoid(2.0f * k * (x + cubic * x * x * x)); }
  static ENGINE_INLINE float value(float x, float) { return x * cdf(x); }
  static ENGINE_INLINE float gradient(float x, float dy, float) {
    const float s = cdf(x);
    return dy * (s + 2.0f * x * s * (1.0f - s) * (k * (1.0f + 3.0f * cubic * x * x)));
  }
};

template <class A>
ENGINE_INLINE void values(const float* x, float* y, std::int64_t n, float slope) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = A::value(x[i], slope);
}
template <class A>
ENGINE_INLINE void gradients(const float* x, const float* dy, float* dx, std::int64_t n, float slope) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = A::gradient(x[i], dy[i], slope);
}

struct Add {
  static ENGINE_INLINE float value(float a, float b) { return a + b; }
};
struct Mul {
  static ENGINE_INLINE float value(float a, float b) { return a * b; }
};

template <class Op>
ENGINE_INLINE void rows_of(const Operand& left, const Operand& right, float* y, std::int64_t rows,
                           std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r, y += columns) {
    const float* a = left.data + r * left.row_stride;
    const float* b = right.data + r * right.row_stride;
    if (left.advances && right.advances) {
      for (std::int64_t i = 0; i < columns; ++i) y[i] = Op::value(a[i], b[i]);
    } else if (left.advances) {
      const float constant = *b;
      for (std::int64_t i = 0; i < columns; ++i) y[i] = Op::value(a[i], constant);
    } else if (right.advances) {
      const float constant = *a;
      for (std::int64_t i = 0; i < columns; ++i) y[i] = Op::value(constant, b[i]);
    } else {
      const float constant = Op::value(*a, *b);
      for (std::int64_t i = 0; i < columns; ++i) y[i] = constant;
    }
  }
}

}  // namespace

ENGINE_MULTIVERSION
void activate(const ActivationParams& p, const float* x, float* y, std::int64_t n) {
  const float slope = static_cast<float>(p.slope);
  switch (p.kind) {
    case Activation::relu: return values<Relu>(x, y, n, slope);
    case Activation::relu6: return values<Relu6>(x, y, n, slope);
    case Activation::leaky_relu: return values<LeakyRelu>(x, y, n, slope);
    case Activation::sigmoid: return values<Sigmoid>(x, y, n, slope);
    case Activation::tanh: return values<Tanh>(x, y, n, slope);
    case Activation::silu: return values<Silu>(x, y, n, slope);
    case Activation::hard_sigmoid: return values<HardSigmoid>(x, y, n, slope);
    case Activation::hard_swish: return values<HardSwish>(x, y, n, slope);
    case Activation::gelu_erf: return values<GeluErf>(x, y, n, slope);
    case Activation::gelu_tanh: return values<GeluTanh>(x, y, n, slope);
  }
}

ENGINE_MULTIVERSION
void activate_backward(const ActivationParams& p, const float* x, const float* dy, float* dx, std::int64_t n) {
  const float slope = static_cast<float>(p.slope);
  switch (p.kind) {
    case Activation::relu: return gradients<Relu>(x, dy, dx, n, slope);
    case Activation::relu6: return gradients<Relu6>(x, dy, dx, n, slope);
    case Activation::leaky_relu: return gradients<LeakyRelu>(x, dy, dx, n, slope);
    case Activation::sigmoid: return gradients<Sigmoid>(x, dy, dx, n, slope);
    case Activation::tanh: return gradients<Tanh>(x, dy, dx, n, slope);
    case Activation::silu: return gradients<Silu>(x, dy, dx, n, slope);
    case Activation::hard_sigmoid: return gradients<HardSigmoid>(x, dy, dx, n, slope);
    case Activation::hard_swish: return gradients<HardSwish>(x, dy, dx, n, slope);
    case Activation::gelu_erf: return gradients<GeluErf>(x, dy, dx, n, slope);
    case Activation::gelu_tanh: return gradients<GeluTanh>(x, dy, dx, n, slope);
  }
}

ENGINE_MULTIVERSION
void combine(Binary op, const Operand& a, const Operand& b, float* y, std::int64_t rows, std::int64_t columns) {
  op == Binary::add ? rows_of<Add>(a, b, y, rows, columns) : rows_of<Mul>(a, b, y, rows, columns);
}

ENGINE_MULTIVERSION
void scale(const float* x, float factor, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] * factor;
}

ENGINE_MULTIVERSION
void accumulate(float* acc, const float* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) acc[i] += x[i];
}

ENGINE_MULTIVERSION
void drop(const float* x, float* y, std::int64_t begin, std::int64_t end, const RandomKey& key, std::uint32_t threshold,
          float factor) {
  for (std::int64_t i = begin; i < end;) {
    const auto words = philox_block(key, static_cast<std::uint64_t>(i) / 4);
    do {
      y[i] = words[static_cast<std::size_t>(i % 4)] >> 8 < threshold ? 0.0f : x[i] * factor;
      ++i;
    } while (i < end && i % 4 != 0);
  }
}

}  // namespace engine::cpu

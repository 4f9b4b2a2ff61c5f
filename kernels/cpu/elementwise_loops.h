// The inner loops of the elementwise operations, over contiguous memory.
#pragma once

#include "engine/tensor/philox.h"
#include "kernels/types.h"

namespace engine::cpu {

/// y = f(x) for n elements.
void activate(const ActivationParams& p, const float* x, float* y, std::int64_t n);
/// dx = dy * f'(x).
void activate_backward(const ActivationParams& p, const float* x, const float* dy, float* dx, std::int64_t n);

enum class Binary : std::uint8_t { add, mul };
/// One operand of a broadcast operation over rows x columns: elements from one row to the next, and whether the column
/// advances it (else one value serves the whole row).
struct Operand {
  const float* data;
  std::int64_t row_stride;
  bool advances;
};
/// y[rows][columns] = a op b.
void combine(Binary op, const Operand& a, const Operand& b, float* y, std::int64_t rows, std::int64_t columns);

void scale(const float* x, float factor, float* y, std::int64_t n);
void accumulate(float* acc, const float* x, std::int64_t n);

/// Elements begin..end of a dropout: kept ones times `factor`. Those whose 24 random bits are below `threshold` drop.
void drop(const float* x, float* y, std::int64_t begin, std::int64_t end, const RandomKey& key, std::uint32_t threshold,
          float factor);

}  // namespace engine::cpu

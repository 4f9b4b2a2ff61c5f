#include "kernels/cpu/reduction_loops.h"

#include "engine/tensor/multiversion.h"
#include "kernels/cpu/vector_math.h"

namespace engine::cpu {
namespace {

constexpr int lanes = 32;

ENGINE_INLINE double total(const double* acc) {
  double sum = 0;
  for (int l = 0; l < lanes; ++l) sum += acc[l];
  return sum;
}

// `width` neighbouring columns at once: their sums stay in registers.
template <int width>
ENGINE_INLINE void sum_strip(const float* x, std::int64_t stride, std::int64_t rows, double* sums) {
  double acc[width] = {};
  for (std::int64_t r = 0; r < rows; ++r)
    for (int l = 0; l < width; ++l) acc[l] += static_cast<double>(x[r * stride + l]);
  for (int l = 0; l < width; ++l) sums[l] += acc[l];
}

}  // namespace

ENGINE_MULTIVERSION
double sum_row(const float* x, std::int64_t n) {
  double acc[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; ++l) acc[l] += static_cast<double>(x[i + l]);
  for (int l = 0; i < n; ++i, ++l) acc[l] += static_cast<double>(x[i]);
  return total(acc);
}

ENGINE_MULTIVERSION
void sum_columns(const float* x, std::int64_t stride, std::int64_t rows, std::int64_t columns, double* sums) {
  std::int64_t c = 0;
  for (; c + 32 <= columns; c += 32) sum_strip<32>(x + c, stride, rows, sums + c);
  for (; c + 16 <= columns; c += 16) sum_strip<16>(x + c, stride, rows, sums + c);
  for (; c + 8 <= columns; c += 8) sum_strip<8>(x + c, stride, rows, sums + c);
  for (; c < columns; ++c) sum_strip<1>(x + c, stride, rows, sums + c);
}

ENGINE_MULTIVERSION
double sum_squares(const float* x, std::int64_t n) {
  double acc[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; ++l) acc[l] += static_cast<double>(x[i + l]) * static_cast<double>(x[i + l]);
  for (int l = 0; i < n; ++i, ++l) acc[l] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total(acc);
}

}  // namespace engine::cpu

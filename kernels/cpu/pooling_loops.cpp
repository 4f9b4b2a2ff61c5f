#include "kernels/cpu/pooling_loops.h"

#include <limits>

#include "engine/tensor/multiversion.h"
#include "kernels/cpu/vector_math.h"

namespace engine::cpu {
namespace {

// The loops over lanes have a constant length, which makes each one vector operation in every instruction set: only
// GCC must be kept from unrolling them before it looks for vectors.
template <int L>
ENGINE_INLINE void max_row(const Windows& w, std::int64_t row, const float* x, float* y, std::uint8_t* argmax) {
  const Window r = w.rows[row];
  for (std::int64_t o = 0; o < w.out_width; ++o) {
    const Window c = w.columns[o];
    // The first position inside the input, should all values be -inf.
    const auto first = static_cast<std::int32_t>((r.begin - r.origin) * w.kernel_width + c.begin - c.origin);
    float best[L];
    std::int32_t at[L];
#pragma GCC unroll 1
    for (int l = 0; l < L; ++l) best[l] = -std::numeric_limits<float>::infinity();
#pragma GCC unroll 1
    for (int l = 0; l < L; ++l) at[l] = first;
    for (std::int64_t i = r.begin; i < r.end; ++i) {
      auto position = static_cast<std::int32_t>((i - r.origin) * w.kernel_width + c.begin - c.origin);
      for (std::int64_t j = c.begin; j < c.end; ++j, ++position) {
        const float* values = x + (i * w.in_width + j) * L;
#pragma GCC unroll 1
        for (int l = 0; l < L; ++l) {
          const float v = values[l];
          const bool wins = (v > best[l]) | (v != v);
          best[l] = wins ? v : best[l];
          at[l] = wins ? position : at[l];
        }
      }
    }
#pragma GCC unroll 1
    for (int l = 0; l < L; ++l) y[o * L + l] = best[l];
#pragma GCC unroll 1
    for (int l = 0; l < L; ++l) argmax[o * L + l] = static_cast<std::uint8_t>(at[l]);
  }
}

template <int L>
ENGINE_INLINE void max_row_backward(const Windows& w, std::int64_t row, const float* dy, const std::uint8_t* argmax,
                                    std::int32_t* scratch, float* dx) {
  for (std::int64_t k = 0; k < w.in_width * L; ++k) dx[k] = 0.0f;
  const Cover rows = w.row_covers[row];
  for (std::int64_t r = rows.begin; r < rows.end; ++r) {
    const float* g = dy + r * w.out_width * L;
    // Widened first: bytes and floats in one loop would halve the vectors twice.
    for (std::int64_t k = 0; k < w.out_width * L; ++k) scratch[k] = argmax[r * w.out_width * L + k];
    for (std::int64_t o = 0; o < w.out_width; ++o) {
      const Window c = w.columns[o];
      auto here = static_cast<std::int32_t>((row - w.rows[r].origin) * w.kernel_width + c.begin - c.origin);
      for (std::int64_t j = c.begin; j < c.end; ++j, ++here) {
#pragma GCC unroll 1
        for (int l = 0; l < L; ++l) dx[j * L + l] += scratch[o * L + l] == here ? g[o * L + l] : 0.0f;
      }
    }
  }
}

template <int L>
ENGINE_INLINE void mean_row(const Windows& w, std::int64_t row, const float* x, float* y) {
  const Window r = w.rows[row];
  for (std::int64_t o = 0; o < w.out_width; ++o) {
    const Window c = w.columns[o];
    float sum[L] = {};
    for (std::int64_t i = r.begin; i < r.end; ++i) {
      float row_sum[L] = {};  // keeps the chains of additions short, hence the rounding errors small
      for (std::int64_t j = c.begin; j < c.end; ++j) {
#pragma GCC unroll 1
        for (int l = 0; l < L; ++l) row_sum[l] += x[(i * w.in_width + j) * L + l];
      }
#pragma GCC unroll 1
      for (int l = 0; l < L; ++l) sum[l] += row_sum[l];
    }
    const auto count = static_cast<float>(r.count * c.count);
#pragma GCC unroll 1
    for (int l = 0; l < L; ++l) y[o * L + l] = sum[l] / count;
  }
}

template <int L>
ENGINE_INLINE void mean_row_backward(const Windows& w, std::int64_t row, const float* dy, float* dx) {
  const Cover rows = w.row_covers[row];
  for (std::int64_t j = 0; j < w.in_width; ++j) {
    const Cover columns = w.column_covers[j];
    float sum[L] = {};
    for (std::int64_t r = rows.begin; r < rows.end; ++r)
      for (std::int64_t c = columns.begin; c < columns.end; ++c) {
        const float share = 1.0f / static_cast<float>(w.rows[r].count * w.columns[c].count);
#pragma GCC unroll 1
        for (int l = 0; l < L; ++l) sum[l] += dy[(r * w.out_width + c) * L + l] * share;
      }
#pragma GCC unroll 1
    for (int l = 0; l < L; ++l) dx[j * L + l] = sum[l];
  }
}

}  // namespace

ENGINE_MULTIVERSION
void max_pool_row(const Windows& w, std::int64_t row, const float* x, float* y, std::uint8_t* argmax) {
  switch (w.lanes) {
    case 16: return max_row<16>(w, row, x, y, argmax);
    case 8: return max_row<8>(w, row, x, y, argmax);
    default: return max_row<1>(w, row, x, y, argmax);
  }
}

ENGINE_MULTIVERSION
void max_pool_row_backward(const Windows& w, std::int64_t row, const float* dy, const std::uint8_t* argmax,
                           std::int32_t* scratch, float* dx) {
  switch (w.lanes) {
    case 16: return max_row_backward<16>(w, row, dy, argmax, scratch, dx);
    case 8: return max_row_backward<8>(w, row, dy, argmax, scratch, dx);
    default: return max_row_backward<1>(w, row, dy, argmax, scratch, dx);
  }
}

ENGINE_MULTIVERSION
void average_row(const Windows& w, std::int64_t row, const float* x, float* y) {
  switch (w.lanes) {
    case 16: return mean_row<16>(w, row, x, y);
    case 8: return mean_row<8>(w, row, x, y);
    default: return mean_row<1>(w, row, x, y);
  }
}

ENGINE_MULTIVERSION
void average_row_backward(const Windows& w, std::int64_t row, const float* dy, float* dx) {
  switch (w.lanes) {
    case 16: return mean_row_backward<16>(w, row, dy, dx);
    case 8: return mean_row_backward<8>(w, row, dy, dx);
    default: return mean_row_backward<1>(w, row, dy, dx);
  }
}

}  // namespace engine::cpu

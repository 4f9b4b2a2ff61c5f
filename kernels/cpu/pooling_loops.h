// Pooling of one row of one plane. A plane is [height][width][lanes]: lanes = the channels of a block, or 1 where the
// layout is plain. lanes is 1, 8 or 16.
#pragma once

#include <cstdint>

namespace engine::cpu {

/// One dimension of a pooling window: it starts at `origin` (negative inside padding), covers the input coordinates
/// [begin, end) and counts `count` positions in an average's divisor.
struct Window {
  std::int64_t origin, begin, end, count;
};
/// The outputs [begin, end) whose windows contain an input coordinate.
struct Cover {
  std::int64_t begin, end;
};
/// All windows of a plane and what covers its inputs.
struct Windows {
  const Window* rows;
  const Window* columns;
  const Cover* row_covers;
  const Cover* column_covers;
  std::int64_t out_width, in_width;
  std::int64_t kernel_width;  ///< max pool only: argmax = row * kernel_width + column
  int lanes;
};

/// Output row `row` of the plane at x. argmax is the position inside the window.
void max_pool_row(const Windows& w, std::int64_t row, const float* x, float* y, std::uint8_t* argmax);
void average_row(const Windows& w, std::int64_t row, const float* x, float* y);

/// Input row `row` of the gradient, gathered from the planes dy and argmax. scratch has room for an output row and
/// overlaps nothing.
void max_pool_row_backward(const Windows& w, std::int64_t row, const float* dy, const std::uint8_t* argmax,
                           std::int32_t* scratch, float* dx);
void average_row_backward(const Windows& w, std::int64_t row, const float* dy, float* dx);

}  // namespace engine::cpu

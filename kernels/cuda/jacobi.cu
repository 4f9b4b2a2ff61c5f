#include <cmath>

#include "engine/tensor/conventions.h"
#include "kernels/cuda/jacobi.cuh"
#include "kernels/cuda/jacobi.h"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/matmul.h"

namespace engine::ENGINE_CUDA_NS {

// Magnitudes compare as their bits do, and NaN and infinity have larger ones than any number.
__global__ void __launch_bounds__(256)
    largest_magnitude_kernel(const unsigned* __restrict__ x, unsigned* __restrict__ largest, std::int64_t rows,
                             std::int64_t columns, bool lower) {
  unsigned here = 0;
  for (std::int64_t i = global_thread(); i < rows * columns; i += global_threads())
    if (!lower || i % columns <= i / columns) here = max(here, x[i] & 0x7FFFFFFFu);
  for (int offset = 16; offset > 0; offset /= 2) here = max(here, __shfl_xor_sync(all_lanes, here, offset));
  if (threadIdx.x % 32 == 0) atomicMax(largest, here);
}

float scale_of(Context& c, std::string_view op, const Tensor& a, Part part) {
  const Tensor largest = empty(c, {}, DType::i32);
  c.runtime().set_bytes(largest.raw(), 0, largest.bytes(), c.compute());
  launch<largest_magnitude_kernel>(c, c.grid_stride(a.numel(), 4), {static_cast<double>(a.bytes()), 0},
                                   pointer<const unsigned>(a), pointer<unsigned>(largest), a.dim(0), a.dim(1),
                                   part == Part::lower_triangle);
  float magnitude = 0;
  c.download(&magnitude, largest.raw(), sizeof magnitude);
  if (!std::isfinite(magnitude)) throw NumericError("{}: {} holds NaN or infinity", op, a.str());
  if (magnitude == 0.0f) return 1.0f;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  return std::ldexp(1.0f, std::clamp(-exponent, -126, 126));
}

Tensor make_flag(Context& c) { return empty(c, {}, DType::i32); }
void lower_flag(Context& c, const Tensor& flag) { c.runtime().set_bytes(flag.raw(), 0, flag.bytes(), c.compute()); }
bool raised(Context& c, const Tensor& flag) {
  std::int32_t answer = 0;
  c.download(&answer, flag.raw(), sizeof answer);
  return answer != 0;
}

struct NewtonSchulz {
  __device__ __forceinline__ float operator()(float x, float cubed) const { return fmaf(1.5f, x, -0.5f * cubed); }
};

Tensor nearest_orthogonal(Context& c, const Tensor& rows) {
  const Tensor cubed = matmul(c, matmul(c, rows, rows, false, true, true), rows, false, false, true);
  Tensor y = empty_like(c, rows);
  map(c, rows.numel(), 3, NewtonSchulz{}, pointer<float>(y), pointer<const float>(rows), pointer<const float>(cubed));
  return y;
}

__global__ void __launch_bounds__(256) sort_kernel(const float* __restrict__ values, int n, float factor,
                                                   int* __restrict__ places, float* __restrict__ sorted) {
  const std::int64_t i = global_thread();
  if (i >= n) return;
  const float own = values[i];
  int before = 0;
  for (int j = 0; j < n; ++j) before += values[j] > own || (values[j] == own && j < i) ? 1 : 0;
  places[i] = before;
  sorted[before] = factor * own;
}

// places[i] is the place of values[i], i < n, in descending order; sorted[place] = factor * values[i].
static void sort_descending(Context& c, const Tensor& values, std::int64_t n, float factor, const Tensor& places,
                            const Tensor& sorted) {
  const double count = static_cast<double>(n);
  launch<sort_kernel>(c, {static_cast<unsigned>((n + 255) / 256), 256}, {12 * count, count * count},
                      pointer<const float>(values), static_cast<int>(n), factor, pointer<int>(places),
                      pointer<float>(sorted));
}

constexpr int turn_warps = 8;

struct RowsToTurn {
  const float* from;
  float* to;
  std::int64_t from_length, length;  // of the first, a beginning is taken
};

// A block a row.
__global__ void __launch_bounds__(turn_warps * 32)
    turn_kernel(RowsToTurn leading, RowsToTurn following, const int* __restrict__ places) {
  SHARED(float, largest_of, [turn_warps]);
  SHARED(int, first_of, [turn_warps]);
  const int row = static_cast<int>(blockIdx.x), place = places[row];
  const float* from = leading.from + row * leading.from_length;
  float largest = 0;
  for (std::int64_t i = threadIdx.x; i < leading.length; i += blockDim.x) largest = Largest{}(largest, fabsf(from[i]));
  largest = over_block(largest, largest_of, Largest{});
  const float enough = static_cast<float>(conventions::leading_component) * largest;
  int first = static_cast<int>(leading.length) - 1;
  for (std::int64_t i = threadIdx.x; i < leading.length; i += blockDim.x)
    if (fabsf(from[i]) >= enough) first = Smallest{}(first, static_cast<int>(i));
  first = over_block(first, first_of, Smallest{});
  const float sign = from[first] < 0.0f ? -1.0f : 1.0f;
  for (std::int64_t i = threadIdx.x; i < leading.length; i += blockDim.x)
    leading.to[place * leading.length + i] = sign * from[i];
  for (std::int64_t i = threadIdx.x; i < following.length; i += blockDim.x)
    following.to[place * following.length + i] = sign * following.from[row * following.from_length + i];
}

static RowsToTurn rows_to_turn(const Tensor& from, const Tensor& to) {
  if (!from.defined()) return {};
  return {pointer<const float>(from), pointer<float>(to), from.dim(1), to.dim(1)};
}

struct TurnedRows {
  Tensor from, to;
};
// Rows i < n go to row places[i] with the sign of conventions.h: `leading` decides it, `following` (or undefined
// tensors) goes along. Rows of a result are as long as it is wide.
static void turn_rows(Context& c, std::int64_t n, const Tensor& places, const TurnedRows& leading,
                      const TurnedRows& following) {
  const double bytes = static_cast<double>(leading.to.bytes() + (following.to.defined() ? following.to.bytes() : 0));
  launch<turn_kernel>(c, {static_cast<unsigned>(n), turn_warps * 32}, {2 * bytes, 0},
                      rows_to_turn(leading.from, leading.to), rows_to_turn(following.from, following.to),
                      pointer<const int>(places));
}

EighResult eigh_result(Context& c, std::int64_t n, const Tensor& values, float factor, const Tensor& vectors) {
  const auto make = [&](const Shape& shape) { return empty(c, shape, DType::f32); };
  EighResult result{make({n}), make({n, n})};
  const Tensor places = empty(c, {n}, DType::i32), rows = make({n, n});
  sort_descending(c, values, n, factor, places, result.values);
  turn_rows(c, n, places, {vectors, rows}, {});
  transpose_matrices(c, DType::f32, rows.raw(), result.vectors.raw(), 1, n, n);
  return result;
}

SvdResult svd_result(Context& c, const Tensor& values, float factor, const Tensor& left, const Tensor& right) {
  const auto make = [&](const Shape& shape) { return empty(c, shape, DType::f32); };
  const std::int64_t k = values.dim(0), m = left.dim(1), n = right.dim(1);
  SvdResult result{make({m, k}), make({k}), make({k, n})};
  const Tensor places = empty(c, {k}, DType::i32), rows = make({k, m});
  sort_descending(c, values, k, factor, places, result.s);
  turn_rows(c, k, places, {left, rows}, {right, result.vt});
  transpose_matrices(c, DType::f32, rows.raw(), result.u.raw(), 1, k, m);
  return result;
}

}  // namespace engine::ENGINE_CUDA_NS

// Jacobi's one-sided method (Hestenes): rotations from the left make the rows of w = p a orthogonal. Their lengths are
// the singular values, their directions the right vectors, and the rows of the orthogonal p the left ones. Of a tall
// matrix it is the transpose whose rows are turned: the fewer and longer ones always.
#include "kernels/checks.h"
#include "kernels/cuda/cusolver_decompositions.h"
#include "kernels/cuda/decompositions.h"
#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/jacobi.cuh"
#include "kernels/cuda/jacobi.h"

namespace engine::ENGINE_CUDA_NS {

// Of rows whose largest has length of order one. Shorter rows are nothing: their direction is noise of noise.
constexpr float nothing_squared = 1e-34f;
// What rows of nothing are filled with, far below what f32 resolves beside the largest.
constexpr float seed_size = 1e-12f;

__global__ void __launch_bounds__(256) begin_svd_kernel(const float* __restrict__ a, float scale, float* __restrict__ w,
                                                        std::int64_t elements, float* __restrict__ p, int rows) {
  for (std::int64_t i = global_thread(); i < elements; i += global_threads()) w[i] = scale * a[i];
  const std::int64_t square = static_cast<std::int64_t>(rows) * rows;
  for (std::int64_t i = global_thread(); i < square; i += global_threads()) p[i] = i / rows == i % rows ? 1.0f : 0.0f;
}

// A block makes two rows orthogonal to each other. Where the number of rows is odd, one of them rests each round.
template <int warps>
__global__ void __launch_bounds__(warps * 32)
    svd_rotate_kernel(float* __restrict__ w, float* __restrict__ p, int rows, std::int64_t length, int round,
                      int* __restrict__ turned) {
  SHARED(float, xx_of, [warps]);
  SHARED(float, yy_of, [warps]);
  SHARED(float, xy_of, [warps]);
  const JacobiPair pair = jacobi_pair(rows + rows % 2, round, static_cast<int>(blockIdx.x));
  const bool rests = pair.first >= rows || pair.second >= rows;
  float* x = w + pair.first * length;
  float* y = w + pair.second * length;
  float xx = 0, yy = 0, xy = 0;
  if (!rests)
    for (std::int64_t i = threadIdx.x; i < length; i += warps * 32) {
      const float left = x[i], right = y[i];
      xx = fmaf(left, left, xx);
      yy = fmaf(right, right, yy);
      xy = fmaf(left, right, xy);
    }
  xx = over_block(xx, xx_of, Sum{});
  yy = over_block(yy, yy_of, Sum{});
  xy = over_block(xy, xy_of, Sum{});
  // Eight units in the last place: what the sums themselves are good for.
  if (xx < nothing_squared || yy < nothing_squared || fabsf(xy) <= 0x1p-21f * sqrtf(xx) * sqrtf(yy)) return;
  const JacobiRotation r = jacobi_rotation(0.5f * (yy - xx) / xy);
  if (threadIdx.x == 0) atomicOr(turned, 1);
  for (std::int64_t i = threadIdx.x; i < length; i += warps * 32) {
    const float left = x[i], right = y[i];
    x[i] = r.c * left - r.s * right;
    y[i] = r.s * left + r.c * right;
  }
  float* first = p + static_cast<std::int64_t>(pair.first) * rows;
  float* second = p + static_cast<std::int64_t>(pair.second) * rows;
  for (int i = static_cast<int>(threadIdx.x); i < rows; i += warps * 32) {
    const float left = first[i], right = second[i];
    first[i] = r.c * left - r.s * right;
    second[i] = r.s * left + r.c * right;
  }
}

// A number in [-1, 1) from an integer (the finaliser of MurmurHash3).
__device__ __forceinline__ float scrambled(unsigned h) {
  h = (h ^ (h >> 16)) * 0x85EBCA6Bu;
  h = (h ^ (h >> 13)) * 0xC2B2AE35u;
  return static_cast<float>(static_cast<int>(h ^ (h >> 16))) * 0x1p-31f;
}

// A block a row: nothing becomes noise, and is remembered.
__global__ void __launch_bounds__(256)
    seed_kernel(float* __restrict__ w, std::int64_t length, int* __restrict__ was_nothing, int* __restrict__ any) {
  SHARED(float, sum_of, [8]);
  const std::int64_t row = blockIdx.x;
  float* x = w + row * length;
  float sum = 0;
  for (std::int64_t i = threadIdx.x; i < length; i += 256) sum = fmaf(x[i], x[i], sum);
  sum = over_block(sum, sum_of, Sum{});
  const bool nothing = sum < nothing_squared;
  if (nothing)
    for (std::int64_t i = threadIdx.x; i < length; i += 256)
      x[i] = seed_size * scrambled(static_cast<unsigned>(row * length + i) + 1u);
  if (threadIdx.x == 0) {
    was_nothing[row] = nothing ? 1 : 0;
    if (nothing) atomicOr(any, 1);
  }
}

// A block a row: its length is the value, or 0 where it grew from a seed; then it gets length 1.
__global__ void __launch_bounds__(256)
    normalize_kernel(float* __restrict__ w, std::int64_t length, const int* __restrict__ was_nothing,
                     float* __restrict__ values) {
  SHARED(float, sum_of, [8]);
  const std::int64_t row = blockIdx.x;
  float* x = w + row * length;
  float sum = 0;
  for (std::int64_t i = threadIdx.x; i < length; i += 256) sum = fmaf(x[i], x[i], sum);
  const float norm = sqrtf(over_block(sum, sum_of, Sum{}));
  for (std::int64_t i = threadIdx.x; i < length; i += 256) x[i] /= norm;
  if (threadIdx.x == 0) values[row] = was_nothing[row] ? 0.0f : norm;
}

template <int warps>
static void orthogonalize(Context& c, const Tensor& a, const Tensor& w, const Tensor& p, const Tensor& flag) {
  const int rows = static_cast<int>(w.dim(0)), even = rows + rows % 2;
  const double elements = static_cast<double>(w.numel()), all = elements + static_cast<double>(p.numel());
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    lower_flag(c, flag);
    for (int round = 0; round < even - 1; ++round)
      launch<svd_rotate_kernel<warps>>(c, {static_cast<unsigned>(even / 2), warps * 32},
                                       {8 * all, 3 * elements + 3 * all}, pointer<float>(w), pointer<float>(p), rows,
                                       w.dim(1), round, pointer<int>(flag));
    if (!raised(c, flag)) return;
  }
  throw NumericError("svd: no convergence in {} sweeps for {}", most_sweeps, a.str());
}

SvdResult svd(Context& c, const Tensor& a) {
  check_svd(a);
  if (a.dtype() != DType::f32)
    throw UsageError("svd on device {} computes in f32, found {}", name_of(a.device()), a.str());
  const std::int64_t m = a.dim(0), n = a.dim(1), k = std::min(m, n), length = std::max(m, n);
  const bool tall = m > n;
  const auto matrix = [&](std::int64_t rows, std::int64_t columns) { return empty(c, {rows, columns}, DType::f32); };
  if (k == 0) return {matrix(m, 0), empty(c, {0}, DType::f32), matrix(0, n)};
  const float scale = scale_of(c, "svd", a, Part::all);
  if (auto result = cusolver_svd(c, a, scale)) return *std::move(result);
  const Tensor w = matrix(k, length);
  Tensor p = matrix(k, k);
  const Tensor turned = tall ? matrix(n, m) : a;
  if (tall) transpose_matrices(c, DType::f32, a.raw(), turned.raw(), 1, m, n);
  launch<begin_svd_kernel>(c, c.grid_stride(w.numel()), {static_cast<double>(2 * w.bytes() + p.bytes()), 0},
                           pointer<const float>(turned), scale, pointer<float>(w), w.numel(), pointer<float>(p),
                           static_cast<int>(k));

  const Tensor flag = make_flag(c), was_nothing = empty(c, {k}, DType::i32), values = empty(c, {k}, DType::f32);
  // Short rows leave threads of a large block without work.
  const auto make_orthogonal = [&] {
    length <= 512 ? orthogonalize<1>(c, a, w, p, flag) : orthogonalize<8>(c, a, w, p, flag);
  };
  make_orthogonal();
  const LaunchShape a_block_each{static_cast<unsigned>(k), 256};
  const Cost cost{2.0 * static_cast<double>(w.bytes()), 3.0 * static_cast<double>(w.numel())};
  lower_flag(c, flag);
  launch<seed_kernel>(c, a_block_each, cost, pointer<float>(w), length, pointer<int>(was_nothing), pointer<int>(flag));
  // Rotations give the seeds directions orthogonal to all others; the others do not feel it.
  if (raised(c, flag)) make_orthogonal();
  launch<normalize_kernel>(c, a_block_each, cost, pointer<float>(w), length, pointer<const int>(was_nothing),
                           pointer<float>(values));
  p = nearest_orthogonal(c, p);

  return svd_result(c, values, 1.0f / scale, tall ? w : p, tall ? p : w);
}

}  // namespace engine::ENGINE_CUDA_NS

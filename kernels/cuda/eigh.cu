// Jacobi's two-sided method: in each round n / 2 rotations that share no row and no column, each of which brings one
// element off the diagonal to zero. Takes any symmetric matrix as it is: indefinite, of any rank, of equal eigenvalues.
#include "kernels/checks.h"
#include "kernels/cuda/cusolver_decompositions.h"
#include "kernels/cuda/decompositions.h"
#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/jacobi.cuh"
#include "kernels/cuda/jacobi.h"
#include "kernels/cuda/matmul.h"

namespace engine::ENGINE_CUDA_NS {

// a scaled and mirrored, with a last row of zeros where that makes the number of rows even, and the identity.
__global__ void __launch_bounds__(256)
    begin_eigh_kernel(const float* __restrict__ a, int n, float scale, float* __restrict__ mirrored,
                      float* __restrict__ w, float* __restrict__ vectors, int even) {
  const std::int64_t elements = static_cast<std::int64_t>(even) * even;
  for (std::int64_t at = global_thread(); at < elements; at += global_threads()) {
    const int i = static_cast<int>(at / even), j = static_cast<int>(at % even);
    const bool inside = i < n && j < n;
    const float value = inside ? scale * a[static_cast<std::int64_t>(max(i, j)) * n + min(i, j)] : 0.0f;
    mirrored[at] = value;
    w[at] = value;
    vectors[at] = i == j ? 1.0f : 0.0f;
  }
}

// What is off the diagonal is left alone below `nothing`.
__global__ void __launch_bounds__(256)
    eigh_angles_kernel(const float* __restrict__ w, int n, int round, float nothing,
                       JacobiRotation* __restrict__ rotations, int* __restrict__ turned) {
  const int k = static_cast<int>(global_thread());
  if (k >= n / 2) return;
  const JacobiPair p = jacobi_pair(n, round, k);
  const float* first = w + static_cast<std::int64_t>(p.first) * n;
  const float* second = w + static_cast<std::int64_t>(p.second) * n;
  const float off = first[p.second];
  JacobiRotation r{1.0f, 0.0f};
  if (fabsf(off) > nothing) {
    r = jacobi_rotation(0.5f * (second[p.second] - first[p.first]) / off);
    atomicOr(turned, 1);
  }
  rotations[k] = r;
}

__device__ __forceinline__ void turn(const JacobiRotation& r, float& x, float& y) {
  const float former = x;
  x = r.c * former - r.s * y;
  y = r.s * former + r.c * y;
}

// A thread has the four elements where two pairs of rows and columns cross, and four of the vectors' two rows.
__global__ void __launch_bounds__(256) eigh_rotate_kernel(float* __restrict__ w, float* __restrict__ vectors, int n,
                                                          int round, const JacobiRotation* __restrict__ rotations) {
  const int half = n / 2, across = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int down = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (across >= half || down >= half) return;
  const JacobiRotation rows = rotations[down], columns = rotations[across];
  const JacobiPair i = jacobi_pair(n, round, down), j = jacobi_pair(n, round, across);
  float* first = w + static_cast<std::int64_t>(i.first) * n;
  float* second = w + static_cast<std::int64_t>(i.second) * n;
  if (rows.s != 0.0f || columns.s != 0.0f) {
    float a = first[j.first], b = first[j.second], c = second[j.first], d = second[j.second];
    if (down == across) {
      const float moved = rows.s / rows.c * b;
      a -= moved;
      d += moved;
      b = c = 0.0f;
    } else {
      turn(rows, a, c);
      turn(rows, b, d);
      turn(columns, a, b);
      turn(columns, c, d);
    }
    first[j.first] = a;
    first[j.second] = b;
    second[j.first] = c;
    second[j.second] = d;
  }
  if (rows.s != 0.0f) {
    float* x = vectors + static_cast<std::int64_t>(i.first) * n;
    float* y = vectors + static_cast<std::int64_t>(i.second) * n;
    turn(rows, x[across], y[across]);
    turn(rows, x[across + half], y[across + half]);
  }
}

// values[row] = v a v^T of each row v; `products` = v a. A warp a row.
__global__ void __launch_bounds__(256)
    rayleigh_kernel(const float* __restrict__ vectors, const float* __restrict__ products, int n,
                    float* __restrict__ values) {
  const int row = static_cast<int>(global_thread() / 32), lane = static_cast<int>(threadIdx.x % 32);
  const std::int64_t begin = static_cast<std::int64_t>(row) * n;
  float sum = 0;
  if (row < n)
    for (int i = lane; i < n; i += 32) sum = fmaf(vectors[begin + i], products[begin + i], sum);
  sum = warp_sum(sum);
  if (row < n && lane == 0) values[row] = sum;
}

// A round after the other, a sweep after the other. On return rows of `vectors` are the vectors.
static void diagonalize(Context& c, const Tensor& a, const Tensor& w, const Tensor& vectors) {
  const int n = static_cast<int>(w.dim(0)), half = n / 2;
  const float nothing = 0x1p-25f / static_cast<float>(n);  // the largest element is 1/2 or more
  const Tensor rotations = empty(c, {half, 2}, DType::f32), flag = make_flag(c);
  const unsigned tiles_x = static_cast<unsigned>((half + 31) / 32), tiles_y = static_cast<unsigned>((half + 7) / 8);
  const double pairs = half, blocks = pairs * pairs, bytes = 16.0 * 2.0 * 2.0 * blocks;
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    lower_flag(c, flag);
    for (int round = 0; round < n - 1; ++round) {
      launch<eigh_angles_kernel>(c, {static_cast<unsigned>((half + 255) / 256), 256}, {20 * pairs, 10 * pairs},
                                 pointer<const float>(w), n, round, nothing, pointer<JacobiRotation>(rotations),
                                 pointer<int>(flag));
      launch<eigh_rotate_kernel>(c, {{tiles_x, tiles_y}, {32, 8}}, {bytes, 36 * blocks}, pointer<float>(w),
                                 pointer<float>(vectors), n, round, pointer<const JacobiRotation>(rotations));
    }
    if (!raised(c, flag)) return;
  }
  throw NumericError("eigh: no convergence in {} sweeps for {}", most_sweeps, a.str());
}

EighResult eigh(Context& c, const Tensor& a) {
  check_eigh(a);
  if (a.dtype() != DType::f32)
    throw UsageError("eigh on device {} computes in f32, found {}", name_of(a.device()), a.str());
  const std::int64_t n = a.dim(0), even = n + n % 2;
  if (n == 0) return {empty(c, {0}, DType::f32), empty(c, {0, 0}, DType::f32)};
  const float scale = scale_of(c, "eigh", a, Part::lower_triangle);
  if (auto result = cusolver_eigh(c, a, scale)) return *std::move(result);
  const auto square = [&] { return empty(c, {even, even}, DType::f32); };
  const Tensor mirrored = square(), w = square();
  Tensor vectors = square();
  launch<begin_eigh_kernel>(c, c.grid_stride(w.numel()), {static_cast<double>(a.bytes() + 3 * w.bytes()), 0},
                            pointer<const float>(a), static_cast<int>(n), scale, pointer<float>(mirrored),
                            pointer<float>(w), pointer<float>(vectors), static_cast<int>(even));
  diagonalize(c, a, w, vectors);

  // Rayleigh's quotients are as good as the vectors squared, and free of what the rotations have rounded.
  vectors = nearest_orthogonal(c, vectors);
  const Tensor products = matmul(c, vectors, mirrored, false, false, true), values = empty(c, {even}, DType::f32);
  launch<rayleigh_kernel>(c, {static_cast<unsigned>((even + 7) / 8), 256},
                          {static_cast<double>(2 * products.bytes()), 2.0 * static_cast<double>(products.numel())},
                          pointer<const float>(vectors), pointer<const float>(products), static_cast<int>(even),
                          pointer<float>(values));
  // The row of zeros was never turned: its vector is the last one, and stays behind.
  return eigh_result(c, n, values, 1.0f / scale, vectors);
}

}  // namespace engine::ENGINE_CUDA_NS

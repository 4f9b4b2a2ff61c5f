#include "tests/cuda_emulator/good_kernels.h"

#include "kernels/cuda/language.cuh"
#include "kernels/cuda/last_block.cuh"

namespace engine::cuda_emulated {

constexpr unsigned all = 0xFFFFFFFFu;

template <class T>
__device__ T sum_over_warp(T v) {
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(all, v, offset);
  return v;
}

template <class T>
__global__ void block_sum_kernel(const T* x, T* y, long n) {
  SHARED(T, part, [32]);
  T sum = 0;
  for (long i = blockIdx.x * long{blockDim.x} + threadIdx.x; i < n; i += long{gridDim.x} * blockDim.x) sum += x[i];
  sum = sum_over_warp(sum);
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (lane == 0) part[warp] = sum;
  __syncthreads();
  if (warp == 0) {
    sum = sum_over_warp(lane < blockDim.x / 32 ? part[lane] : T{0});
    if (lane == 0) atomicAdd(y, sum);
  }
}

__global__ void last_block_sum_kernel(const float* x, float* partial, float* y, unsigned* counter, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  SHARED(float, part, [32]);
  const float sum = sum_over_warp(i < n ? x[i] : 0.0f);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = sum;
  __syncthreads();
  // Not thread 0: what it did itself needs no barrier.
  if (threadIdx.x == 40) partial[blockIdx.x] = part[0] + part[1];
  if (!last_of_blocks(counter, static_cast<int>(gridDim.x))) return;
  if (threadIdx.x != 50) return;
  float total = 0;
  for (unsigned b = 0; b < gridDim.x; ++b) total += partial[b];
  y[0] = total;
  y[1] += 1.0f;
}

__global__ void tiled_product_kernel(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ y,
                                     int m, int n, int k) {
  SHARED(float, tile_a, [16][17]);
  SHARED(float, tile_b, [16][17]);
  const int row = static_cast<int>(blockIdx.y * 16 + threadIdx.y), column = static_cast<int>(blockIdx.x * 16 + threadIdx.x);
  float sum = 0;
  for (int first = 0; first < k; first += 16) {
    const int ka = first + static_cast<int>(threadIdx.x), kb = first + static_cast<int>(threadIdx.y);
    tile_a[threadIdx.y][threadIdx.x] = row < m && ka < k ? a[row * k + ka] : 0.0f;
    tile_b[threadIdx.y][threadIdx.x] = kb < k && column < n ? b[kb * n + column] : 0.0f;
    __syncthreads();
    for (int i = 0; i < 16; ++i) sum = fmaf(tile_a[threadIdx.y][i], tile_b[i][threadIdx.x], sum);
    __syncthreads();
  }
  if (row < m && column < n) y[row * n + column] = sum;
}

__global__ void warp_sum_kernel(float* y) {
  SHARED(float, s, [64]);
  s[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  if (threadIdx.x < 32) {
    for (unsigned width = 32; width > 0; width /= 2) {
      const float other = threadIdx.x < width ? s[threadIdx.x + width] : 0.0f;
      __syncwarp();
      if (threadIdx.x < width) s[threadIdx.x] += other;
      __syncwarp();
    }
  }
  __syncthreads();
  y[threadIdx.x] = s[0];
}

__global__ void votes_kernel(int* y) {
  const int count = __syncthreads_count(threadIdx.x % 3 == 0);
  const int both = __syncthreads_and(threadIdx.x < 96);
  const int none = __syncthreads_or(threadIdx.x > 95);
  const unsigned odd = __ballot_sync(all, threadIdx.x % 2);
  if (threadIdx.x == 95) {
    y[0] = count;
    y[1] = both;
    y[2] = none;
    y[3] = __popc(odd);
  }
}

__global__ void shuffles_kernel(int* y) {
  const int lane = static_cast<int>(threadIdx.x);
  y[lane] = __shfl_sync(all, lane, (lane + 1) % 32);
  y[32 + lane] = __shfl_up_sync(all, lane, 1);
  y[64 + lane] = __shfl_down_sync(all, lane, 1);
  y[96 + lane] = __shfl_xor_sync(all, lane, 5);
  y[128 + lane] = __shfl_sync(all, lane, 3, 16);
}

__global__ void three_dimensions_kernel(int* y) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned i = block * (blockDim.x * blockDim.y * blockDim.z) + thread;
  y[i] = static_cast<int>(i);
}

__global__ void large_dynamic_kernel(float* y) {
  SHARED_DYNAMIC(float, s);
  for (int i = static_cast<int>(threadIdx.x); i < 15000; i += 256) s[i] = static_cast<float>(i);
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 15000; i += 256) y[i] = s[14999 - i];
}

__global__ void neighbouring_bytes_kernel(unsigned char* y) { y[blockIdx.x + 4 * threadIdx.x] = 7; }

__global__ void atomics_kernel(int* y) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicMax(y, i);
  atomicMin(y + 1, i);
  atomicCAS(y + 2, 0, 9);
  atomicExch(y + 3, 4);
}

__global__ void half_warps_kernel(int* y) {
  const int i = static_cast<int>(threadIdx.x);
  if (threadIdx.x % 32 < 16) {
    y[i] = __shfl_xor_sync(0x0000FFFFu, i, 1);
  } else {
    __syncwarp(0xFFFF0000u);
    y[i] = __shfl_xor_sync(0xFFFF0000u, i, 2);
  }
}

}  // namespace engine::cuda_emulated

namespace engine::test {

using namespace cuda_emulated;

void block_sum(gpu::Context& c, const Tensor& x, const Tensor& y) {
  if (x.dtype() == DType::f32)
    cuda_emulated::launch<block_sum_kernel<float>>(c, c.grid_stride(x.numel(), 1, 128), {}, x.data<float>(),
                                                   y.data<float>(), x.numel());
  else
    cuda_emulated::launch<block_sum_kernel<double>>(c, c.grid_stride(x.numel(), 1, 128), {}, x.data<double>(),
                                                    y.data<double>(), x.numel());
}

void last_block_sum(gpu::Context& c, const Tensor& x, const Tensor& y, int times) {
  const int n = static_cast<int>(x.numel()), blocks = (n + 63) / 64;
  const Tensor partial = c.empty({blocks}, DType::f32);
  for (int i = 0; i < times; ++i)
    cuda_emulated::launch<last_block_sum_kernel>(c, {static_cast<unsigned>(blocks), 64}, {}, x.data<float>(),
                                                 partial.data<float>(), y.data<float>(), c.counters(1), n);
}

void tiled_product(gpu::Context& c, const Tensor& a, const Tensor& b, const Tensor& y) {
  const int m = static_cast<int>(a.dim(0)), k = static_cast<int>(a.dim(1)), n = static_cast<int>(b.dim(1));
  const Dim3 grid{static_cast<unsigned>(n + 15) / 16, static_cast<unsigned>(m + 15) / 16};
  cuda_emulated::launch<tiled_product_kernel>(c, {grid, {16, 16}}, {4.0 * (m * k + k * n + m * n), 2.0 * m * n * k},
                                              a.data<float>(), b.data<float>(), y.data<float>(), m, n, k);
}

void warp_sum(gpu::Context& c, const Tensor& y) {
  cuda_emulated::launch<warp_sum_kernel>(c, {1, 64}, {}, y.data<float>());
}
void votes(gpu::Context& c, const Tensor& y) {
  cuda_emulated::launch<votes_kernel>(c, {1, 96}, {}, y.data<std::int32_t>());
}
void shuffles(gpu::Context& c, const Tensor& y) {
  cuda_emulated::launch<shuffles_kernel>(c, {1, 32}, {}, y.data<std::int32_t>());
}
void three_dimensions(gpu::Context& c, const Tensor& y) {
  cuda_emulated::launch<three_dimensions_kernel>(c, {{3, 2, 2}, {4, 3, 2}}, {}, y.data<std::int32_t>());
}
void large_dynamic(gpu::Context& c, const Tensor& y) {
  cuda_emulated::launch<large_dynamic_kernel>(c, {1, 256, 60000, true}, {}, y.data<float>());
}
void neighbouring_bytes(gpu::Context& c, const Tensor& y) {
  cuda_emulated::launch<neighbouring_bytes_kernel>(c, {4, 64}, {}, y.data<std::uint8_t>());
}
void atomics(gpu::Context& c, const Tensor& y) {
  cuda_emulated::launch<atomics_kernel>(c, {2, 64}, {}, y.data<std::int32_t>());
}
void half_warps(gpu::Context& c, const Tensor& y) {
  cuda_emulated::launch<half_warps_kernel>(c, {1, 64}, {}, y.data<std::int32_t>());
}

}  // namespace engine::test

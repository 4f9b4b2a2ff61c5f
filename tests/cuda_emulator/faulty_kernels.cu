#include "tests/cuda_emulator/faulty_kernels.h"

#include "kernels/cuda/numbers.cuh"

namespace engine::cuda_emulated {

// ---- out of bounds ------------------------------------------------------------------------------------------------
__global__ void global_overrun(float* y, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i <= n) y[i] = 1;
}
template <int N>
__global__ void shared_overrun(float* y) {
  SHARED(float, s, [N]);
  s[threadIdx.x + 1] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
__global__ void dynamic_overrun(float* y) {
  SHARED_DYNAMIC(float, s);
  s[threadIdx.x + 1] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
__global__ void row_overrun(float* y, int last) {
  SHARED(float, s, [8][8]);
  s[threadIdx.x / 8][threadIdx.x % 8] = 1;
  __syncthreads();
  y[threadIdx.x] = threadIdx.x == 0 ? s[3][last] : 0.0f;
}
__global__ void local_overrun(float* y, int n) {
  float a[4];
  for (int i = 0; i < n; ++i) a[i] = static_cast<float>(i);
  y[threadIdx.x] = a[threadIdx.x & 3];
}
__global__ void host_pointer(float* y, const float* host) { y[threadIdx.x] = host[threadIdx.x]; }
__global__ void misaligned(float* y) {
  if (threadIdx.x == 0) *reinterpret_cast<double*>(y + 1) = 1.0;
}
__global__ void misaligned_load(float* y) {
  const auto v = load<4>(y + 2, 0);
  y[threadIdx.x] = v.v[0];
}
__global__ void misaligned_store(float* y) {
  if (threadIdx.x == 7) store<2>(y + 1, 3, Vec<float, 2>{{1.0f, 2.0f}});
}

// ---- divergence ---------------------------------------------------------------------------------------------------
__global__ void barrier_in_branch(float* y) {
  if (threadIdx.x < 32) __syncthreads();
  y[threadIdx.x] = 1;
}
__global__ void early_return(float* y, int n) {
  if (static_cast<int>(threadIdx.x) >= n) return;
  __syncthreads();
  y[threadIdx.x] = 1;
}
__global__ void two_barriers(float* y) {
  if (threadIdx.x & 1) {
    y[threadIdx.x] = 1;
    __syncthreads();
  } else {
    y[threadIdx.x] = 2;
    __syncthreads();
  }
}
__global__ void lanes_missing(float* y) {
  float v = static_cast<float>(threadIdx.x);
  if (threadIdx.x < 16) v = __shfl_down_sync(0xFFFFFFFFu, v, 1);
  y[threadIdx.x] = v;
}
__global__ void not_in_own_mask(float* y) {
  y[threadIdx.x] = __shfl_sync(0x0000FFFFu, 1.0f, 0);
}
__global__ void masks_differ(float* y) {  // overlap in lane 0, so that neither can complete
  y[threadIdx.x] = __shfl_sync(threadIdx.x % 32 < 16 ? 0xFFFFFFFFu : 0xFFFF0001u, 1.0f, 0);
}
__global__ void partial_warp(float* y) { y[threadIdx.x] = __shfl_xor_sync(0xFFFFFFFFu, 1.0f, 1); }

// ---- races --------------------------------------------------------------------------------------------------------
__global__ void missing_barrier(float* y) {
  SHARED(float, s, [64]);
  s[threadIdx.x] = static_cast<float>(threadIdx.x);
  y[threadIdx.x] = s[(threadIdx.x + 1) & 63];
}
__global__ void missing_second_barrier(float* y) {
  SHARED(float, s, [64]);
  for (int r = 0; r < 4; ++r) {
    s[threadIdx.x] = static_cast<float>(threadIdx.x) * static_cast<float>(r + 1);
    __syncthreads();
    y[threadIdx.x] += s[63 - threadIdx.x];
  }
}
__global__ void two_writers(float* y) {
  SHARED(float, s, [2]);
  s[threadIdx.x & 1] = static_cast<float>(threadIdx.x);
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x & 1];
}
__global__ void same_value_twice(float* y) {
  SHARED(float, s, [1]);
  s[0] = 3;
  __syncthreads();
  y[threadIdx.x] = s[0];
}
__global__ void no_syncwarp(float* y) {
  SHARED(float, s, [64]);
  s[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  if (threadIdx.x < 32) {
    s[threadIdx.x] += s[threadIdx.x + 32];
    if (threadIdx.x < 16) s[threadIdx.x] += s[threadIdx.x + 16];
  }
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
// A shuffle makes lanes meet, but memory need not be in order after it.
__global__ void shuffle_for_syncwarp(float* y) {
  SHARED(float, s, [64]);
  s[threadIdx.x] = 1;
  const float v = __shfl_xor_sync(0xFFFFFFFFu, 0.0f, 1);
  y[threadIdx.x] = s[threadIdx.x ^ 1] + v;
}
__global__ void plain_sum(float* y) { y[0] += 1; }
__global__ void blocks_share_element(float* y) {
  if (threadIdx.x == 0) y[blockIdx.x & 1] = static_cast<float>(blockIdx.x);
}
__global__ void atomic_and_plain(float* y) {
  if (threadIdx.x == 40) y[0] = 1;
  else atomicAdd(y, 1.0f);
}
__global__ void bytes_of_one_word(unsigned char* y) { y[threadIdx.x / 2] = 1; }

// ---- shared memory ------------------------------------------------------------------------------------------------
__global__ void uninitialised(float* y) {
  SHARED(float, s, [64]);
  if (threadIdx.x < 32) s[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
// last_of_blocks with one part missing. y[0..4) the blocks' values, y[8..12) counters, y[12] how many blocks came
// before, y[16] the result.
enum class Missing { fence_before, fence_behind, barrier_before, barrier_behind, atomic_update, one_counter, nothing };
template <Missing what>
__global__ void last_block(float* y) {
  auto* counter = reinterpret_cast<unsigned*>(y + 8);
  const bool last = threadIdx.x == 50 && atomicInc(reinterpret_cast<unsigned*>(y + 12), 3) == 3;
  if (threadIdx.x == 40) y[blockIdx.x] = 1;
  if (what != Missing::barrier_before) __syncthreads();
  if (threadIdx.x == 0) {
    if (what != Missing::fence_before) __threadfence();
    if (what == Missing::atomic_update)
      ++*counter;
    else
      atomicInc(counter + (what == Missing::one_counter ? blockIdx.x : 0), 3);
    if (what != Missing::fence_behind) __threadfence();
  }
  if (what != Missing::barrier_behind) __syncthreads();
  if (last) y[16] = y[0] + y[1] + y[2] + y[3];
}
__global__ void too_much_shared(float* y) {
  SHARED(float, s, [13000]);
  s[threadIdx.x] = 1;
  y[threadIdx.x] = s[threadIdx.x];
}
__global__ void trap(float* y) {
  if (threadIdx.x == 3) __trap();
  y[threadIdx.x] = 1;
}

}  // namespace engine::cuda_emulated

namespace engine::test {
namespace {

using namespace cuda_emulated;

const LaunchShape one{1, 64}, two{2, 64}, four{4, 64};
const Cost free_of_charge;

template <auto Kernel>
void plain_launch(gpu::Context& c, const LaunchShape& shape, const Tensor& y) {
  cuda_emulated::launch<Kernel>(c, shape, free_of_charge, y.data<float>());
}

}  // namespace

#define ON(kernel, shape) [](gpu::Context& c, const Tensor& y) { plain_launch<kernel>(c, shape, y); }
#define WITH(kernel, shape, ...)                                                              \
  [](gpu::Context& c, const Tensor& y) {                                                      \
    cuda_emulated::launch<kernel>(c, shape, free_of_charge, y.data<float>(), __VA_ARGS__);    \
  }

const std::vector<Fault>& faults() {
  constexpr const char* between_blocks = "race on global memory between blocks";
  static float host[64] = {};
  static float* const heap = new float[64]{};
  static const LaunchShape small_dynamic{1, 64, 256}, large_dynamic{1, 64, 50000}, over_optin{1, 64, 300000, true},
      huge_block{1, 1025}, no_grid{0, 64};
  static const std::vector<Fault> list = {
      {"global_overrun", WITH(global_overrun, two, 64), "", "use-after-poison", "object of 256 bytes"},
      {"shared_overrun", ON(shared_overrun<64>, one), "NaN", "out of bounds for type",
       "outside of any shared variable"},
      {"dynamic_overrun", ON(dynamic_overrun, small_dynamic), "NaN", "use-after-poison",
       "outside of any shared variable"},
      {"row_overrun", WITH(row_overrun, one, 8), "", "out of bounds for type", ""},
      {"local_overrun", WITH(local_overrun, one, 5), nullptr, "out of bounds for type", nullptr},
      {"host_pointer", WITH(host_pointer, one, heap), "", "", "is not device memory"},
      {"host_pointer written", [](gpu::Context& c, const Tensor&) {
         cuda_emulated::launch<host_pointer>(c, one, free_of_charge, +host, +heap);
       }, "", "", "is not device memory"},
      {"misaligned", ON(misaligned, one), "", "misaligned address", "is no multiple"},
      {"misaligned_load", ON(misaligned_load, one), "accesses 16 bytes at", "accesses 16 bytes at",
       "accesses 16 bytes at"},
      {"misaligned_store", ON(misaligned_store, one), "thread (7,0,0) accesses 8 bytes at",
       "thread (7,0,0) accesses 8 bytes at", "thread (7,0,0) accesses 8 bytes at"},

      {"barrier_in_branch", ON(barrier_in_branch, one), "waits in __syncthreads at faulty_kernels.cu:",
       "waits in __syncthreads", "waits in __syncthreads"},
      {"early_return", WITH(early_return, one, 40), "24 of 64 have returned", "24 of 64", "24 of 64"},
      {"two_barriers", ON(two_barriers, one), "is at the barrier of faulty_kernels.cu:", "is at the barrier",
       "is at the barrier"},
      {"lanes_missing", ON(lanes_missing, one), "waits in a warp operation at faulty_kernels.cu:",
       "waits in a warp operation", "waits in a warp operation"},
      {"not_in_own_mask", ON(not_in_own_mask, one), "is not in its own mask 0xffff", "is not in its own mask",
       "is not in its own mask"},
      {"masks_differ", ON(masks_differ, one), "while lanes of its mask wait", "while lanes of its mask wait",
       "while lanes of its mask wait"},
      {"partial_warp", ON(partial_warp, (LaunchShape{1, 40})), "in a warp of fewer than 32",
       "in a warp of fewer than 32", "in a warp of fewer than 32"},

      {"missing_barrier", ON(missing_barrier, one), "NaN", "NaN", "race on shared memory between threads"},
      {"missing_second_barrier", ON(missing_second_barrier, one), "", "", "race on shared memory between threads"},
      {"two_writers", ON(two_writers, one), "", "", "race on shared memory between threads"},
      {"same_value_twice", ON(same_value_twice, one), "", "", "race on shared memory between threads"},
      {"no_syncwarp", ON(no_syncwarp, one), "", "", "race on shared memory between threads"},
      {"shuffle_for_syncwarp", ON(shuffle_for_syncwarp, one), "", "", "race on shared memory between threads"},
      {"plain_sum", ON(plain_sum, four), "", "", "race on global memory between threads"},
      {"blocks_share_element", ON(blocks_share_element, four), "", "", "race on global memory between blocks"},
      {"atomic_and_plain", ON(atomic_and_plain, one), "", "", "race on global memory between threads"},
      {"last_block, fence before", ON(last_block<Missing::fence_before>, four), "", "", between_blocks},
      {"last_block, fence behind", ON(last_block<Missing::fence_behind>, four), "", "", between_blocks},
      {"last_block, barrier before", ON(last_block<Missing::barrier_before>, four), "", "", between_blocks},
      {"last_block, barrier behind", ON(last_block<Missing::barrier_behind>, four), "", "", between_blocks},
      {"last_block, atomic update", ON(last_block<Missing::atomic_update>, four), "", "", between_blocks},
      {"last_block, one counter", ON(last_block<Missing::one_counter>, four), "", "", between_blocks},
      {"last_block, nothing", ON(last_block<Missing::nothing>, four), "", "", ""},
      {"bytes_of_one_word",
       [](gpu::Context& c, const Tensor& y) {
         cuda_emulated::launch<bytes_of_one_word>(c, one, free_of_charge, static_cast<unsigned char*>(y.raw()));
       },
       "", "", "race on global memory between threads"},

      {"uninitialised", ON(uninitialised, one), "NaN", "NaN", "shared memory read before it was written"},
      {"too_much_shared", ON(too_much_shared, one), "needs 52000 bytes of shared memory with 's'", "needs 52000",
       "needs 52000"},
      {"dynamic without opting in", ON(dynamic_overrun, large_dynamic), "50000 bytes of dynamic shared memory",
       "50000 bytes", "50000 bytes"},
      {"more than any device has", ON(dynamic_overrun, over_optin), "300000 bytes of dynamic shared memory",
       "300000 bytes", "300000 bytes"},
      {"dynamic not given", ON(dynamic_overrun, one), "launch gave 0 bytes", "launch gave 0 bytes",
       "launch gave 0 bytes"},
      {"trap", ON(trap, one), "thread (3,0,0) executed __trap", "executed __trap", "executed __trap"},
      {"too many threads", ON(uninitialised, huge_block), "a block of 1025 x 1 x 1", "a block of", "a block of"},
      {"empty grid", ON(uninitialised, no_grid), "a grid of 0 x 1 x 1", "a grid of", "a grid of"},
  };
  return list;
}

}  // namespace engine::test

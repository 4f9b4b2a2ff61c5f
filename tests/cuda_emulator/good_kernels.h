// Right kernels that use each part of the language, for comparison with closed forms; none may be accused of anything.
#pragma once

#include "kernels/cuda/context.h"

namespace engine::test {

/// y[i] = sum of x[0..n) for i = 0, by blocks with shuffles, shared memory and one atomicAdd each; y starts at 0.
void block_sum(gpu::Context& c, const Tensor& x, const Tensor& y);
/// C = A B, row-major, in tiles of 16 through shared memory.
void tiled_product(gpu::Context& c, const Tensor& a, const Tensor& b, const Tensor& y);
/// y[64]: 64 values reduced inside one warp by shared memory and __syncwarp; each element gets the sum of 0..63.
void warp_sum(gpu::Context& c, const Tensor& y);
/// y[0..4) = what a block of 96 threads sees of count, and, or, and how many lanes of the last warp are odd.
void votes(gpu::Context& c, const Tensor& y);
/// y[i] (i < 32): lane (i + 1) % 32, i - 1 or itself, i + 1 or itself, i ^ 5, and lane 3 of its half; five rows.
void shuffles(gpu::Context& c, const Tensor& y);
/// y[i] = i for a grid and block of three dimensions: (3,2,2) blocks of (4,3,2) threads.
void three_dimensions(gpu::Context& c, const Tensor& y);
/// y[i] = i reversed through 60000 bytes of dynamic shared memory; y has 15000 elements.
void large_dynamic(gpu::Context& c, const Tensor& y);
/// Blocks that write neighbouring bytes of one word: y u8[256] = 7.
void neighbouring_bytes(gpu::Context& c, const Tensor& y);
/// y[0] = sum of x[0..n), f32: the last of the blocks adds what each found, in their order; runs `times` times with one
/// counter. y[1] = how often a block took itself for the last.
void last_block_sum(gpu::Context& c, const Tensor& x, const Tensor& y, int times);
/// atomicMax, atomicMin, atomicCAS and atomicExch on i32 y[4] = {-5, 1000, 0, 0} by 128 threads.
void atomics(gpu::Context& c, const Tensor& y);
/// A warp whose halves go different ways and meet in masks of their own.
void half_warps(gpu::Context& c, const Tensor& y);

}  // namespace engine::test

// Barriers, warp operations and fences, as kernels call them. The call's source line comes along for messages.
#pragma once

#include <cstring>
#include <type_traits>

#include "kernels/cuda_on_cpu/checker.h"
#include "kernels/cuda_on_cpu/scheduler.h"

namespace engine::emulator::language {

#define ENGINE_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(ENGINE_HERE) { scheduler().barrier(BarrierResult::none, false, {file, line}); }
inline int __syncthreads_count(int predicate, ENGINE_HERE) {
  return scheduler().barrier(BarrierResult::count, predicate != 0, {file, line});
}
inline int __syncthreads_and(int predicate, ENGINE_HERE) {
  return scheduler().barrier(BarrierResult::all, predicate != 0, {file, line});
}
inline int __syncthreads_or(int predicate, ENGINE_HERE) {
  return scheduler().barrier(BarrierResult::any, predicate != 0, {file, line});
}

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, ENGINE_HERE) {
  scheduler().warp_operation(WarpOp::sync, mask, 0, 0, 32, {file, line});
}

template <class T>
T move_between_lanes(WarpOp op, unsigned mask, T value, unsigned argument, int width, SourceLine where) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8, "a warp moves arithmetic types of at most 8 bytes");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = scheduler().warp_operation(op, mask, bits, argument, static_cast<unsigned>(width), where);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, ENGINE_HERE) {
  return move_between_lanes(WarpOp::index, mask, value, static_cast<unsigned>(lane), width, {file, line});
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, ENGINE_HERE) {
  return move_between_lanes(WarpOp::up, mask, value, delta, width, {file, line});
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, ENGINE_HERE) {
  return move_between_lanes(WarpOp::down, mask, value, delta, width, {file, line});
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, ENGINE_HERE) {
  return move_between_lanes(WarpOp::exclusive_or, mask, value, static_cast<unsigned>(lane_mask), width, {file, line});
}
inline unsigned __ballot_sync(unsigned mask, int predicate, ENGINE_HERE) {
  return static_cast<unsigned>(
      scheduler().warp_operation(WarpOp::ballot, mask, predicate != 0, 0, 32, {file, line}));
}
inline int __any_sync(unsigned mask, int predicate, ENGINE_HERE) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, ENGINE_HERE) {
  return __ballot_sync(mask, predicate, file, line) == mask;
}

#undef ENGINE_HERE

// Memory is in order on the one thread that runs everything. Race mode wants to know of fences: with an atomic update
// of the same word, they order blocks.
inline void __threadfence() { checker::fenced(); }
inline void __threadfence_block() {}

[[noreturn]] inline void __trap() { scheduler().fail("executed __trap"); }

}  // namespace engine::emulator::language

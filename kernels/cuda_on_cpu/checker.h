// What race mode wants to know of the scheduler. Empty in the other builds.
#pragma once

#include <string>

#include "kernels/cuda_on_cpu/launch.h"

namespace engine::emulator::checker {

#ifdef ENGINE_EMULATOR_RACE
void launch_begins(const KernelLaunch& launch);
/// Returns what was found, one line each; empty if nothing.
std::string launch_ends();
void block_begins(uint3 index);
/// From here on loads and stores belong to this thread, whose stack is given ...
void thread_runs(unsigned thread, const char* stack_begin, const char* stack_end);
/// ... until here.
void thread_stops();
/// All threads of the block have met: what came before is ordered before what comes after.
void barrier_passed();
/// The same between the lanes of a mask.
void warp_synced(unsigned warp, unsigned mask);
/// The running thread fences for the whole device.
void fenced();
void shared_arena(const char* begin, const char* end);
void shared_variable(const char* begin, const char* end);
#else
inline void launch_begins(const KernelLaunch&) {}
inline std::string launch_ends() { return {}; }
inline void block_begins(uint3) {}
inline void thread_runs(unsigned, const char*, const char*) {}
inline void thread_stops() {}
inline void barrier_passed() {}
inline void warp_synced(unsigned, unsigned) {}
inline void fenced() {}
inline void shared_arena(const char*, const char*) {}
inline void shared_variable(const char*, const char*) {}
#endif

}  // namespace engine::emulator::checker

// Race mode: exact data races between threads and between blocks, bounds, alignment, uninitialised shared memory.
//
// Kernels are compiled with -fsanitize=thread, and the callbacks that this puts in front of each load and store are
// ours (tsan_callbacks.cpp). Two accesses to a byte by different threads, one of them a write, race unless both are
// atomic or they are ordered: within a block by a __syncthreads between them or a chain of __syncwarp; between blocks
// where one does something, meets a __syncthreads, fences (__threadfence) and updates a word atomically, and the other
// updates that word later, fences, and goes on in the same thread or behind a __syncthreads. A shuffle orders nothing,
// and a fence by itself neither.
#pragma once

#include <cstddef>
#include <cstdint>

namespace engine::emulator::checker {

enum class AccessKind : std::uint8_t { read, write, atomic };

/// Called by the callbacks; does nothing while no thread of a kernel runs.
void access(const volatile void* address, std::size_t bytes, AccessKind kind, const void* pc);
/// Gives the launch up.
void misaligned(const volatile void* address, std::size_t bytes, const void* pc);
/// As access, and the address must be a multiple of bytes, as the hardware wants it. Inline: where bytes are known,
/// the division is none.
inline void aligned_access(const volatile void* address, std::size_t bytes, AccessKind kind, const void* pc) {
  if (reinterpret_cast<std::uintptr_t>(address) % bytes != 0) misaligned(address, bytes, pc);
  access(address, bytes, kind, pc);
}

}  // namespace engine::emulator::checker

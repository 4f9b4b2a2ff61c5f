// How the emulated device behaves; tests turn these knobs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace engine::emulator {

/// In which order the threads of a block (and the blocks of a grid) run between two points where they wait. A result
/// that depends on it is a race.
enum class ThreadOrder : std::uint8_t { forward, reverse, random };

struct Options {
  ThreadOrder order = ThreadOrder::forward;
  std::uint64_t seed = 1;  ///< of ThreadOrder::random
};

/// Read when a launch runs, which is at the next synchronisation after it was queued.
Options& options();

/// Which build this is: CMake's ENGINE_EMULATOR_MODE.
enum class Mode : std::uint8_t { plain, asan, race };
Mode mode();

/// What a block may have of shared memory: by default, and after opting in (compute capability 9.0).
inline constexpr std::size_t shared_limit = 48 * 1024, large_shared_limit = 227 * 1024;

}  // namespace engine::emulator

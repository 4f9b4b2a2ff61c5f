// What this machine's processor could do at best: bounds that no operation on the CPU can beat.
#pragma once

namespace engine::bench {

/// f32 operations a second of all threads' multiply-add units together, two for each element; measured, as a clock
/// nobody announces and other programs take their share. Nothing is read from memory meanwhile.
double measured_f32_peak();

/// Bytes of the last-level caches of all cores, as the kernel tells; 0 where it does not.
double last_level_cache_bytes();

}  // namespace engine::bench

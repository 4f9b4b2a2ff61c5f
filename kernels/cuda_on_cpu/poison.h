// AddressSanitizer's marks on memory that must not be touched; nothing in other builds.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define ENGINE_EMULATOR_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ENGINE_EMULATOR_ASAN
#endif
#endif
#ifdef ENGINE_EMULATOR_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace engine::emulator {

#ifdef ENGINE_EMULATOR_ASAN
inline void poison(const void* p, std::size_t n) { __asan_poison_memory_region(p, n); }
inline void unpoison(const void* p, std::size_t n) { __asan_unpoison_memory_region(p, n); }
#else
inline void poison(const void*, std::size_t) {}
inline void unpoison(const void*, std::size_t) {}
#endif

}  // namespace engine::emulator

// The functions that -fsanitize=thread calls, g++'s and clang's, without ThreadSanitizer behind them.
#include "kernels/cuda_on_cpu/race_checker.h"

#ifdef ENGINE_EMULATOR_RACE

#include <cstring>

using engine::emulator::checker::access;
using engine::emulator::checker::AccessKind;
using engine::emulator::checker::aligned_access;

#define CALLER __builtin_return_address(0)

#pragma GCC diagnostic ignored "-Wmissing-declarations"
#pragma GCC diagnostic ignored "-Wpedantic"  // __int128

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void**) {}
void __tsan_vptr_update(void**, void*) {}

#define PLAIN(bytes)                                                                                               \
  void __tsan_read##bytes(void* p) { aligned_access(p, bytes, AccessKind::read, CALLER); }                         \
  void __tsan_write##bytes(void* p) { aligned_access(p, bytes, AccessKind::write, CALLER); }                       \
  void __tsan_unaligned_read##bytes(void* p) { access(p, bytes, AccessKind::read, CALLER); }                       \
  void __tsan_unaligned_write##bytes(void* p) { access(p, bytes, AccessKind::write, CALLER); }                     \
  void __tsan_volatile_read##bytes(void* p) { aligned_access(p, bytes, AccessKind::read, CALLER); }                \
  void __tsan_volatile_write##bytes(void* p) { aligned_access(p, bytes, AccessKind::write, CALLER); }              \
  void __tsan_unaligned_volatile_read##bytes(void* p) { access(p, bytes, AccessKind::read, CALLER); }              \
  void __tsan_unaligned_volatile_write##bytes(void* p) { access(p, bytes, AccessKind::write, CALLER); }            \
  void __tsan_read_write##bytes(void* p) {                                                                         \
    aligned_access(p, bytes, AccessKind::read, CALLER);                                                            \
    aligned_access(p, bytes, AccessKind::write, CALLER);                                                           \
  }                                                                                                                \
  void __tsan_unaligned_read_write##bytes(void* p) {                                                               \
    access(p, bytes, AccessKind::read, CALLER);                                                                    \
    access(p, bytes, AccessKind::write, CALLER);                                                                   \
  }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void* p, unsigned long n) { access(p, n, AccessKind::read, CALLER); }
void __tsan_write_range(void* p, unsigned long n) { access(p, n, AccessKind::write, CALLER); }
void* __tsan_memcpy(void* to, const void* from, unsigned long n) {
  access(from, n, AccessKind::read, CALLER);
  access(to, n, AccessKind::write, CALLER);
  return std::memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, unsigned long n) {
  access(from, n, AccessKind::read, CALLER);
  access(to, n, AccessKind::write, CALLER);
  return std::memmove(to, from, n);
}
void* __tsan_memset(void* to, int value, unsigned long n) {
  access(to, n, AccessKind::write, CALLER);
  return std::memset(to, value, n);
}

#define UPDATE(bits, T, name)                                                      \
  T __tsan_atomic##bits##_fetch_##name(volatile T* p, T v, int) {                  \
    access(p, bits / 8, AccessKind::atomic, CALLER);                               \
    return __atomic_fetch_##name(p, v, __ATOMIC_SEQ_CST);                          \
  }
#define ATOMIC(bits, T)                                                                                  \
  T __tsan_atomic##bits##_load(const volatile T* p, int) {                                               \
    access(p, bits / 8, AccessKind::atomic, CALLER);                                                     \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                         \
  }                                                                                                      \
  void __tsan_atomic##bits##_store(volatile T* p, T v, int) {                                            \
    access(p, bits / 8, AccessKind::atomic, CALLER);                                                     \
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                                            \
  }                                                                                                      \
  T __tsan_atomic##bits##_exchange(volatile T* p, T v, int) {                                            \
    access(p, bits / 8, AccessKind::atomic, CALLER);                                                     \
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                                  \
  }                                                                                                      \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* expected, T v, int, int) {         \
    access(p, bits / 8, AccessKind::atomic, CALLER);                                                     \
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
  }                                                                                                      \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* expected, T v, int, int) {           \
    access(p, bits / 8, AccessKind::atomic, CALLER);                                                     \
    return __atomic_compare_exchange_n(p, expected, v, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);        \
  }                                                                                                      \
  T __tsan_atomic##bits##_compare_exchange_val(volatile T* p, T expected, T v, int, int) {               \
    access(p, bits / 8, AccessKind::atomic, CALLER);                                                     \
    __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);             \
    return expected;                                                                                     \
  }                                                                                                      \
  UPDATE(bits, T, add) UPDATE(bits, T, sub) UPDATE(bits, T, and) UPDATE(bits, T, or) UPDATE(bits, T, xor) \
  UPDATE(bits, T, nand)
ATOMIC(8, unsigned char)
ATOMIC(16, unsigned short)
ATOMIC(32, unsigned)
ATOMIC(64, unsigned long)

void __tsan_atomic_thread_fence(int) {}
void __tsan_atomic_signal_fence(int) {}

}  // extern "C"

#endif

// Atomic operations of device scope. They are real atomic instructions, though one thread runs everything, because
// -fsanitize=thread then reports them to race mode as atomic.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace engine::emulator::language {

template <class T, class F>
T read_modify_write(T* p, F f) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "atomics take 4 or 8 bytes");
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  Bits* bits = reinterpret_cast<Bits*>(p);
  Bits old = __atomic_load_n(bits, __ATOMIC_RELAXED), fresh;
  T value;
  do {
    std::memcpy(&value, &old, sizeof value);
    const T changed = f(value);
    std::memcpy(&fresh, &changed, sizeof fresh);
  } while (!__atomic_compare_exchange_n(bits, &old, fresh, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return value;
}

// The second argument converts to the type of the first, as CUDA's overloads have it.
template <class T>
using Same = std::type_identity_t<T>;

template <class T>
T atomicAdd(T* p, Same<T> v) { return read_modify_write(p, [v](T old) { return static_cast<T>(old + v); }); }
template <class T>
T atomicSub(T* p, Same<T> v) { return read_modify_write(p, [v](T old) { return static_cast<T>(old - v); }); }

// CUDA has these for integers only.
template <class T>
T atomicMax(T* p, Same<T> v) {
  static_assert(std::is_integral_v<T>);
  return read_modify_write(p, [v](T old) { return old > v ? old : v; });
}
template <class T>
T atomicMin(T* p, Same<T> v) {
  static_assert(std::is_integral_v<T>);
  return read_modify_write(p, [v](T old) { return old < v ? old : v; });
}
template <class T>
T atomicOr(T* p, Same<T> v) {
  static_assert(std::is_integral_v<T>);
  return read_modify_write(p, [v](T old) { return static_cast<T>(old | v); });
}
template <class T>
T atomicAnd(T* p, Same<T> v) {
  static_assert(std::is_integral_v<T>);
  return read_modify_write(p, [v](T old) { return static_cast<T>(old & v); });
}
/// Counts up to `last`, then from 0 again.
inline unsigned atomicInc(unsigned* p, unsigned last) {
  return read_modify_write(p, [last](unsigned old) { return old >= last ? 0 : old + 1; });
}
template <class T>
T atomicExch(T* p, Same<T> v) { return read_modify_write(p, [v](T) { return v; }); }
template <class T>
T atomicCAS(T* p, Same<T> expected, Same<T> v) {
  static_assert(std::is_integral_v<T>);
  return read_modify_write(p, [=](T old) { return old == expected ? v : old; });
}

}  // namespace engine::emulator::language

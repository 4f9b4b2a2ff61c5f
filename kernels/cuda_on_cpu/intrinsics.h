// Arithmetic that CUDA has built in. What is missing here fails to compile: add it together with a test.
#pragma once

#include <math.h>  // puts fmaf, expf, isnan, INFINITY ... where kernels look for them

#include <bit>
#include <cstdint>

namespace engine::emulator::language {

#define ENGINE_MIN_MAX(T)                                 \
  constexpr T min(T a, T b) { return b < a ? b : a; }     \
  constexpr T max(T a, T b) { return a < b ? b : a; }
ENGINE_MIN_MAX(int)
ENGINE_MIN_MAX(unsigned)
ENGINE_MIN_MAX(long)
ENGINE_MIN_MAX(unsigned long)
ENGINE_MIN_MAX(long long)
ENGINE_MIN_MAX(unsigned long long)
#undef ENGINE_MIN_MAX
inline float min(float a, float b) { return fminf(a, b); }  // of a number and NaN, the number: as on a GPU
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

// The fast ones are as exact here as the slow ones: tests compare within tolerances that leave room for theirs.
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
inline float normcdff(float x) { return 0.5f * erfcf(x * -0.70710678118654752f); }
// Rounded separately whatever the compiler would like to fuse.
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
#ifdef __x86_64__
inline const bool has_fma = __builtin_cpu_supports("fma");
// The program is compiled for processors without this instruction too, and calls of the library's fmaf would be most of
// a matrix product's time. The flag is looked at in assembly, so that race mode has no callback for it.
inline float fmaf(float a, float b, float c) {
  asm goto("cmpb $0, %0\n\tje %l1" : : "m"(has_fma) : "cc" : without);
  asm("vfmadd231ss %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
  return c;
without:
  return ::fmaf(a, b, c);
}
#else
using ::fmaf;
#endif
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline int __float2int_rn(float x) { return static_cast<int>(rintf(x)); }

inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((std::uint64_t{a} * b) >> 32); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x ? std::countr_zero(static_cast<unsigned>(x)) + 1 : 0; }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }
inline double __longlong_as_double(long long x) { return std::bit_cast<double>(x); }

template <class T>
T __ldg(const T* p) { return *p; }
template <class T>
T __ldcs(const T* p) { return *p; }
template <class T>
void __stcs(T* p, T value) { *p = value; }

}  // namespace engine::emulator::language

// CUDA's built-in vector types, with CUDA's alignments.
#pragma once

namespace engine::emulator::language {

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

#define ENGINE_VECTOR_TYPES(T, name)                                        \
  struct alignas(2 * sizeof(T)) name##2 {                                   \
    T x, y;                                                                 \
  };                                                                        \
  struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 {         \
    T x, y, z, w;                                                           \
  };                                                                        \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }                \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

ENGINE_VECTOR_TYPES(float, float)
ENGINE_VECTOR_TYPES(double, double)
ENGINE_VECTOR_TYPES(int, int)
ENGINE_VECTOR_TYPES(unsigned, uint)
ENGINE_VECTOR_TYPES(unsigned short, ushort)
ENGINE_VECTOR_TYPES(unsigned char, uchar)
#undef ENGINE_VECTOR_TYPES

}  // namespace engine::emulator::language

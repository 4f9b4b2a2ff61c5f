// A library that has cuBLAS's names. Its version is what it was compiled with. The one that is taken multiplies, in
// plain loops over columns as the vendor's manual defines it, on memory of the host: addresses of the emulated device.
#include <cstddef>
#include <cstdint>

#include "engine/tensor/half.h"

namespace {

struct Handle {
  void *stream, *workspace;
  std::size_t bytes;
} handle;

// The library that lacks the product uses neither.
[[maybe_unused]] float load(const void* p, int type, std::ptrdiff_t at) {
  if (type == 0) return static_cast<const float*>(p)[at];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(p)[at];
  return type == 2 ? engine::f32_from_f16(bits) : engine::f32_from_bf16(bits);
}
[[maybe_unused]] void store(void* p, int type, std::ptrdiff_t at, float v) {
  if (type == 0)
    static_cast<float*>(p)[at] = v;
  else
    static_cast<std::uint16_t*>(p)[at] = type == 2 ? engine::f16_from_f32(v) : engine::bf16_from_f32(v);
}

}  // namespace

extern "C" {
// For the test: what is done before memory is touched, the status of the next products, how many there were, what the
// last one was asked for.
void (*fake_wait)() = nullptr;
int fake_status = 0, fake_products = 0, fake_compute = 0;
void* fake_stream() { return handle.stream; }
std::size_t fake_workspace() { return handle.workspace ? handle.bytes : 0; }

int cublasGetProperty(int which, int* value) {
  *value = which == 0 ? FAKE_MAJOR : which == 1 ? FAKE_MINOR : 0;
  return 0;
}
const char* cublasGetStatusString(int) { return "a fake's status"; }
int cublasCreate_v2(void** h) {
  *h = &handle;
  return 0;
}
int cublasDestroy_v2(void*) {
  handle = {};
  return 0;
}
int cublasSetStream_v2(void*, void* stream) {
  handle = {stream, nullptr, 0};
  return 0;
}
int cublasSetWorkspace_v2(void*, void* memory, std::size_t bytes) {
  handle.workspace = memory;
  handle.bytes = bytes;
  return 0;
}
#ifndef FAKE_LACKS_GEMM
int cublasGemmEx(void*, int a_op, int b_op, int m, int n, int k, const float* alpha, const void* a, int a_type,
                 int a_stride, const void* b, int b_type, int b_stride, const float* beta, void* y, int y_type,
                 int y_stride, int compute, int algorithm) {
  if (fake_status != 0) return fake_status;
  if (fake_wait) fake_wait();
  // What the vendor's calls refuse as well.
  if (a_stride < (a_op == 0 ? m : k) || b_stride < (b_op == 0 ? k : n) || y_stride < m || algorithm != -1) return 7;
  if (*beta != 0.0f) return 7;
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < m; ++i) {
      float sum = 0;
      for (int l = 0; l < k; ++l)
        sum += load(a, a_type, a_op == 0 ? i + std::ptrdiff_t{l} * a_stride : l + std::ptrdiff_t{i} * a_stride) *
               load(b, b_type, b_op == 0 ? l + std::ptrdiff_t{j} * b_stride : j + std::ptrdiff_t{l} * b_stride);
      store(y, y_type, i + std::ptrdiff_t{j} * y_stride, *alpha * sum);
    }
  ++fake_products;
  fake_compute = compute;
  return 0;
}
#endif
}

// A library that has cuSOLVER's names. Its version is what it was compiled with. The one that is taken decomposes by
// LAPACK, as the vendor's manual defines it, on memory of the host: addresses of the emulated device.
#include <lapack.h>

#include <cstddef>
#include <cstdint>

namespace {

struct Handle {
  void* stream;
  int determinism;
} handle;
int parameters, alive;

// As LAPACK's manual has them for ssyevd.
constexpr std::int64_t floats_for(std::int64_t n) { return 1 + 6 * n + 2 * n * n; }
constexpr std::int64_t integers_for(std::int64_t n) { return 3 + 5 * n; }

constexpr int invalid = 3;
constexpr std::size_t host_bytes = 24;  // so that somebody must bring them

}  // namespace

extern "C" {
// For the test: what is done before memory is touched, the status of the next calls and what they find, how many there
// were.
void (*fake_wait)() = nullptr;
int fake_status = 0, fake_answer = 0, fake_decompositions = 0;
void* fake_stream() { return handle.stream; }
int fake_determinism() { return handle.determinism; }
int fake_alive() { return alive; }

int cusolverGetProperty(int which, int* value) {
  *value = which == 0 ? FAKE_MAJOR : which == 1 ? FAKE_MINOR : 0;
  return 0;
}
int cusolverDnCreate(void** h) {
  *h = &handle;
  ++alive;
  return 0;
}
int cusolverDnDestroy(void*) {
  handle = {};
  --alive;
  return 0;
}
int cusolverDnSetStream(void*, void* stream) {
  handle.stream = stream;
  return fake_status;
}
int cusolverDnSetDeterministicMode(void*, int mode) {
  handle.determinism = mode;
  return 0;
}
int cusolverDnCreateParams(void** p) {
  *p = &parameters;
  ++alive;
  return 0;
}
int cusolverDnDestroyParams(void*) {
  --alive;
  return 0;
}

int cusolverDnXsyevd_bufferSize(void* h, void* p, int job, int uplo, std::int64_t n, int a_type, const void* a,
                                std::int64_t a_stride, int w_type, const void* w, int compute, std::size_t* on_device,
                                std::size_t* on_host) {
  if (h != &handle || p != &parameters || job != 1 || uplo < 0 || uplo > 1 || a_stride < n || !a || !w) return invalid;
  if (a_type != 0 || w_type != 0 || compute != 0) return invalid;
  *on_device = sizeof(float) * static_cast<std::size_t>(floats_for(n) + integers_for(n));
  *on_host = host_bytes;
  return 0;
}
int cusolverDnXsyevd(void* h, void* p, int job, int uplo, std::int64_t n, int a_type, void* a, std::int64_t a_stride,
                     int w_type, void* w, int compute, void* on_device, std::size_t device_bytes, void* on_host,
                     std::size_t given_host_bytes, int* info) {
  std::size_t needed = 0, needed_host = 0;
  if (const int no = cusolverDnXsyevd_bufferSize(h, p, job, uplo, n, a_type, a, a_stride, w_type, w, compute, &needed,
                                                 &needed_host))
    return no;
  if (device_bytes < needed || given_host_bytes < needed_host || !on_device || !on_host) return invalid;
  if (fake_status != 0) return fake_status;
  if (fake_wait) fake_wait();
  const auto order = static_cast<lapack_int>(n), stride = static_cast<lapack_int>(a_stride);
  const auto floats = static_cast<lapack_int>(floats_for(n)), integers = static_cast<lapack_int>(integers_for(n));
  auto* work = static_cast<float*>(on_device);
  LAPACK_ssyevd("V", uplo == 0 ? "L" : "U", &order, static_cast<float*>(a), &stride, static_cast<float*>(w), work,
                &floats, reinterpret_cast<lapack_int*>(work + floats), &integers, info);
  if (fake_answer != 0) *info = fake_answer;
  ++fake_decompositions;
  return 0;
}

int cusolverDnXgesvd_bufferSize(void* h, void* p, signed char jobu, signed char jobvt, std::int64_t m, std::int64_t n,
                                int a_type, const void* a, std::int64_t a_stride, int s_type, const void* s, int u_type,
                                const void* u, std::int64_t u_stride, int vt_type, const void* vt,
                                std::int64_t vt_stride, int compute, std::size_t* on_device, std::size_t* on_host) {
  // As the vendor's: no wide matrices.
  if (h != &handle || p != &parameters || m < n || a_stride < m || u_stride < m || vt_stride < n) return invalid;
  if (jobu != 'S' || jobvt != 'S' || !a || !s || !u || !vt) return invalid;
  if (a_type != 0 || s_type != 0 || u_type != 0 || vt_type != 0 || compute != 0) return invalid;
  const auto rows = static_cast<lapack_int>(m), columns = static_cast<lapack_int>(n);
  float best = 0;
  lapack_int ask = -1, answer = 0;
  LAPACK_sgesvd("S", "S", &rows, &columns, nullptr, &rows, nullptr, nullptr, &rows, nullptr, &columns, &best, &ask,
                &answer);
  *on_device = sizeof(float) * static_cast<std::size_t>(best);
  *on_host = host_bytes;
  return 0;
}
#ifndef FAKE_LACKS_GESVD
int cusolverDnXgesvd(void* h, void* p, signed char jobu, signed char jobvt, std::int64_t m, std::int64_t n, int a_type,
                     void* a, std::int64_t a_stride, int s_type, void* s, int u_type, void* u, std::int64_t u_stride,
                     int vt_type, void* vt, std::int64_t vt_stride, int compute, void* on_device,
                     std::size_t device_bytes, void* on_host, std::size_t given_host_bytes, int* info) {
  std::size_t needed = 0, needed_host = 0;
  if (const int no = cusolverDnXgesvd_bufferSize(h, p, jobu, jobvt, m, n, a_type, a, a_stride, s_type, s, u_type, u,
                                                 u_stride, vt_type, vt, vt_stride, compute, &needed, &needed_host))
    return no;
  if (device_bytes < needed || given_host_bytes < needed_host || !on_device || !on_host) return invalid;
  if (fake_status != 0) return fake_status;
  if (fake_wait) fake_wait();
  const auto rows = static_cast<lapack_int>(m), columns = static_cast<lapack_int>(n),
             floats = static_cast<lapack_int>(needed / sizeof(float)), a_step = static_cast<lapack_int>(a_stride),
             u_step = static_cast<lapack_int>(u_stride), vt_step = static_cast<lapack_int>(vt_stride);
  LAPACK_sgesvd("S", "S", &rows, &columns, static_cast<float*>(a), &a_step, static_cast<float*>(s),
                static_cast<float*>(u), &u_step, static_cast<float*>(vt), &vt_step, static_cast<float*>(on_device),
                &floats, info);
  if (fake_answer != 0) *info = fake_answer;
  ++fake_decompositions;
  return 0;
}
#endif
}

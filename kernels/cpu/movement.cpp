// Movement of elements between host and tensor, layouts and types. Host memory is the device's memory here.
#include <atomic>
#include <cstring>

#include "kernels/checks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/movement_loops.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/strided_copy.h"
#include "kernels/cpu/support.h"

namespace engine {
namespace {

std::int64_t physical_bytes(const Tensor& x) {
  return cpu::physical_numel(x) * static_cast<std::int64_t>(size_of(x.dtype()));
}

// Calls f(first element, its address, count) on pieces of x's memory.
template <class F>
void for_each_piece(const Tensor& x, F&& f) {
  std::byte* bytes = static_cast<std::byte*>(x.raw());
  const auto element = static_cast<std::int64_t>(size_of(x.dtype()));
  cpu::parallel_for(cpu::physical_numel(x), cpu::elementwise_grain, [&](std::int64_t begin, std::int64_t end) {
    f(begin, bytes + begin * element, end - begin);
  });
}

}  // namespace

Tensor CpuBackend::do_from_host(const void* host, const Shape& shape, DType dtype) {
  Tensor t = cpu::empty(shape, dtype);
  cpu::parallel_copy(host, t.raw(), static_cast<std::int64_t>(t.bytes()));
  return t;
}

void CpuBackend::do_to_host(const Tensor& x, void* host) {
  const Tensor from = cpu::plain(x);
  cpu::parallel_copy(from.raw(), host, static_cast<std::int64_t>(from.bytes()));
}

Tensor CpuBackend::do_to_plain(const Tensor& x) { return cpu::plain(x); }

Tensor CpuBackend::do_clone(const Tensor& x) {
  Tensor y = cpu::empty_like(x);
  cpu::parallel_copy(x.raw(), y.raw(), physical_bytes(x));
  return y;
}

Tensor CpuBackend::do_cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return do_clone(x);
  Tensor y = cpu::empty_like(x, x.shape(), dtype);
  std::byte* to = static_cast<std::byte*>(y.raw());
  const auto element = static_cast<std::int64_t>(size_of(dtype));
  for_each_piece(x, [&](std::int64_t first, const void* from, std::int64_t n) {
    cpu::convert(x.dtype(), from, dtype, to + first * element, n);
  });
  return y;
}

std::vector<Tensor> CpuBackend::do_cast_all(const std::vector<Tensor>& xs, DType dtype) {
  check_cast_all(xs, dtype);
  std::vector<Tensor> ys;
  for (const Tensor& x : xs) ys.push_back(do_cast(x, dtype));
  return ys;
}

void CpuBackend::do_fill_(const Tensor& x, double value) {
  for_each_piece(x, [&](std::int64_t, void* to, std::int64_t n) { cpu::fill(x.dtype(), to, value, n); });
  cpu::zero_padding(x);
  cpu::mark_written(x);
}

void CpuBackend::do_copy_(const Tensor& dst, const Tensor& src) {
  check_same_shape("copy_", dst, src);
  if (dst.dtype() != src.dtype()) throw UsageError("copy_: cannot copy {} into {}", src.str(), dst.str());
  const Tensor from = cpu::in_layout_of(src, dst);
  cpu::parallel_copy(from.raw(), dst.raw(), physical_bytes(dst));
  cpu::mark_written(dst);
}

bool CpuBackend::do_has_nonfinite(const Tensor& x) {
  std::atomic<bool> found = false;
  for_each_piece(x, [&](std::int64_t, const void* from, std::int64_t n) {
    const std::byte* bytes = static_cast<const std::byte*>(from);
    constexpr std::int64_t chunk = 1 << 16;
    const auto element = static_cast<std::int64_t>(size_of(x.dtype()));
    for (std::int64_t i = 0; i < n && !found; i += chunk)
      if (cpu::any_nonfinite(x.dtype(), bytes + i * element, std::min(chunk, n - i))) found = true;
  });
  return found;
}

}  // namespace engine

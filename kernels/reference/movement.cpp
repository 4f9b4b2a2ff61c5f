#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "engine/tensor/half.h"
#include "kernels/checks.h"
#include "kernels/reference/dense.h"
#include "kernels/reference/reference_backend.h"

namespace engine {
namespace {

// NaN becomes 0, and what does not fit the nearest integer that does: a plain cast would be undefined.
template <class To, class From>
To integer(From v) {
  if constexpr (std::is_floating_point_v<From>) {
    if (std::isnan(v)) return 0;
    if (v >= std::ldexp(1.0, std::numeric_limits<To>::digits)) return std::numeric_limits<To>::max();
    if (v <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  }
  return static_cast<To>(v);
}

template <class T>
Tensor convert(const Tensor& x, DType dtype) {
  const std::vector<T> values = to_vector<T>(x);
  Tensor y(x.shape(), dtype, Device::reference);
  for (std::size_t i = 0; i < values.size(); ++i) {
    switch (dtype) {
      case DType::f32: y.data<float>()[i] = static_cast<float>(values[i]); break;
      case DType::f64: y.data<double>()[i] = static_cast<double>(values[i]); break;
      case DType::f16:
        static_cast<std::uint16_t*>(y.raw())[i] = f16_from_f32(static_cast<float>(values[i]));
        break;
      case DType::bf16:
        static_cast<std::uint16_t*>(y.raw())[i] = bf16_from_f32(static_cast<float>(values[i]));
        break;
      case DType::i32: y.data<std::int32_t>()[i] = integer<std::int32_t>(values[i]); break;
      case DType::i64: y.data<std::int64_t>()[i] = integer<std::int64_t>(values[i]); break;
      case DType::u8: y.data<std::uint8_t>()[i] = integer<std::uint8_t>(values[i]); break;
    }
  }
  return y;
}

}  // namespace

Tensor ReferenceBackend::do_from_host(const void* host, const Shape& shape, DType dtype) {
  Tensor t(shape, dtype, Device::reference);
  if (t.numel() > 0) std::memcpy(t.raw(), host, t.bytes());
  return t;
}

void ReferenceBackend::do_to_host(const Tensor& x, void* host) {
  if (x.numel() > 0) std::memcpy(host, x.raw(), x.bytes());
}

Tensor ReferenceBackend::do_to_plain(const Tensor& x) { return x; }

Tensor ReferenceBackend::do_clone(const Tensor& x) { return do_from_host(x.raw(), x.shape(), x.dtype()); }

Tensor ReferenceBackend::do_cast(const Tensor& x, DType dtype) {
  return is_floating(x.dtype()) ? convert<double>(x, dtype) : convert<std::int64_t>(x, dtype);
}

std::vector<Tensor> ReferenceBackend::do_cast_all(const std::vector<Tensor>& xs, DType dtype) {
  check_cast_all(xs, dtype);
  std::vector<Tensor> ys;
  for (const Tensor& x : xs) ys.push_back(do_cast(x, dtype));
  return ys;
}

void ReferenceBackend::do_fill_(const Tensor& x, double value) {
  const Tensor filled = do_cast(reference::store(reference::Doubles(static_cast<std::size_t>(x.numel()), value), x.shape(),
                                                 DType::f64),
                                x.dtype());
  do_copy_(x, filled);
}

void ReferenceBackend::do_copy_(const Tensor& dst, const Tensor& src) {
  check_same_shape("copy_", dst, src);
  if (dst.dtype() != src.dtype()) throw UsageError("copy_: {} cannot take {}", dst.str(), src.str());
  if (dst.numel() > 0) std::memmove(dst.raw(), src.raw(), dst.bytes());
  ++dst.storage()->version;
}

bool ReferenceBackend::do_has_nonfinite(const Tensor& x) {
  if (!is_floating(x.dtype())) return false;
  const reference::Dense values(x);
  for (std::int64_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i])) return true;
  return false;
}

}  // namespace engine

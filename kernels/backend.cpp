#include "kernels/backend.h"

#include <array>
#include <cmath>
#include <type_traits>

#include "engine/tensor/half.h"

namespace engine {

std::unique_ptr<Recording> Backend::begin_recording() {
  throw UsageError("device {} cannot record operations", name_of(device()));
}

Tensor Backend::transform_pictures(const Tensor&, const PictureBatch&) {
  throw UsageError("device {} does not transform pictures", name_of(device()));
}
std::unique_ptr<Upload> Backend::make_upload() { throw UsageError("device {} copies at once", name_of(device())); }

namespace {

std::array<Backend*, device_count>& backends() {
  static std::array<Backend*, device_count> table{};
  return table;
}

template <class T, class F>
void read_as(DType dtype, const std::byte* bytes, std::size_t n, F&& put) {
  const auto each = [&](auto sample, auto convert) {
    using S = decltype(sample);
    const S* p = reinterpret_cast<const S*>(bytes);
    for (std::size_t i = 0; i < n; ++i) put(i, static_cast<T>(convert(p[i])));
  };
  const auto same = [](auto v) { return v; };
  switch (dtype) {
    case DType::f32: return each(float{}, same);
    case DType::f64: return each(double{}, same);
    case DType::f16: return each(std::uint16_t{}, f32_from_f16);
    case DType::bf16: return each(std::uint16_t{}, f32_from_bf16);
    case DType::i32: return each(std::int32_t{}, same);
    case DType::i64: return each(std::int64_t{}, same);
    case DType::u8: return each(std::uint8_t{}, same);
  }
}

}  // namespace

const std::vector<std::string_view>& op_names() {
  static const std::vector<std::string_view> names = {
#define ENGINE_OP(result, name, parameters, arguments) #name,
#include "kernels/ops.def"
#undef ENGINE_OP
  };
  return names;
}

Backend& backend_of(Device device) {
  Backend* b = backends()[static_cast<std::size_t>(device)];
  if (!b) throw DeviceError("device {}: no backend registered", name_of(device));
  return *b;
}

bool has_backend(Device device) { return backends()[static_cast<std::size_t>(device)] != nullptr; }

void register_backend(Backend& backend) { backends()[static_cast<std::size_t>(backend.device())] = &backend; }

template <class T>
std::vector<T> to_vector(const Tensor& x) {
  if (!x.defined()) throw UsageError("to_vector of an undefined tensor");
  std::vector<std::byte> bytes(x.bytes());
  backend_of(x).to_host(x, bytes.data());
  std::vector<T> out(static_cast<std::size_t>(x.numel()));
  read_as<T>(x.dtype(), bytes.data(), out.size(), [&](std::size_t i, T v) { out[i] = v; });
  return out;
}

template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, Device device, DType dtype) {
  if (static_cast<std::int64_t>(values.size()) != shape.numel())
    throw UsageError("from_vector: {} values for shape {}", values.size(), shape.str());
  Backend& b = backend_of(device);
  Tensor t = b.from_host(values.data(), shape, dtype_of<T>);
  return dtype == dtype_of<T> ? t : b.cast(t, dtype);
}

#define ENGINE_INSTANTIATE(T)                      \
  template std::vector<T> to_vector(const Tensor&); \
  template Tensor from_vector(const std::vector<T>&, const Shape&, Device, DType);
ENGINE_INSTANTIATE(float)
ENGINE_INSTANTIATE(double)
ENGINE_INSTANTIATE(std::int32_t)
ENGINE_INSTANTIATE(std::int64_t)
ENGINE_INSTANTIATE(std::uint8_t)
#undef ENGINE_INSTANTIATE

Tensor to_device(const Tensor& x, Device device) {
  if (!x.defined() || x.device() == device) return x;
  std::vector<std::byte> bytes(x.bytes());
  backend_of(x).to_host(x, bytes.data());
  return backend_of(device).from_host(bytes.data(), x.shape(), x.dtype());
}

double scalar_value(const Tensor& x) {
  if (x.numel() != 1) throw UsageError("scalar_value of {}", x.str());
  return to_vector<double>(x)[0];
}

Tensor full(const Shape& shape, double value, DType dtype, Device device) {
  Tensor t(shape, dtype, device);
  backend_of(device).fill_(t, value);
  return t;
}

UpdateNumbers update_numbers(double lr, std::int64_t count, Device device, Tensor norm) {
  return {from_vector(std::vector<double>{lr, static_cast<double>(count)}, {2}, device), std::move(norm)};
}

Tensor zeros_like(const Tensor& x) {
  Tensor t = backend_of(x).clone(x);
  backend_of(x).fill_(t, 0.0);
  return t;
}

}  // namespace engine

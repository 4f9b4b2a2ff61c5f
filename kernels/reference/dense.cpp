#include "kernels/reference/dense.h"

#include "engine/tensor/half.h"

namespace engine::reference {

Dense::Dense(const Tensor& t) {
  const auto n = static_cast<std::size_t>(t.numel());
  if (t.dtype() == DType::f64) {
    view_ = {t.data<double>(), n};
    return;
  }
  copy_.resize(n);
  switch (t.dtype()) {
    case DType::f32:
      for (std::size_t i = 0; i < n; ++i) copy_[i] = t.data<float>()[i];
      break;
    case DType::f16:
      for (std::size_t i = 0; i < n; ++i) copy_[i] = f32_from_f16(static_cast<const std::uint16_t*>(t.raw())[i]);
      break;
    case DType::bf16:
      for (std::size_t i = 0; i < n; ++i) copy_[i] = f32_from_bf16(static_cast<const std::uint16_t*>(t.raw())[i]);
      break;
    default: throw UsageError("expected a floating tensor, found {}", t.str());
  }
  view_ = copy_;
}

Doubles zeros(std::int64_t n) { return Doubles(static_cast<std::size_t>(n), 0.0); }

void store_into(const Tensor& t, const Doubles& values) {
  const std::size_t n = values.size();
  switch (t.dtype()) {
    case DType::f64: std::copy(values.begin(), values.end(), t.data<double>()); break;
    case DType::f32:
      for (std::size_t i = 0; i < n; ++i) t.data<float>()[i] = static_cast<float>(values[i]);
      break;
    case DType::f16:
      for (std::size_t i = 0; i < n; ++i)
        static_cast<std::uint16_t*>(t.raw())[i] = f16_from_f32(static_cast<float>(values[i]));
      break;
    case DType::bf16:
      for (std::size_t i = 0; i < n; ++i)
        static_cast<std::uint16_t*>(t.raw())[i] = bf16_from_f32(static_cast<float>(values[i]));
      break;
    default: throw UsageError("expected a floating tensor, found {}", t.str());
  }
  ++t.storage()->version;
}

Tensor store(const Doubles& values, const Shape& shape, DType dtype) {
  Tensor t(shape, dtype, Device::reference);
  store_into(t, values);
  return t;
}

}  // namespace engine::reference

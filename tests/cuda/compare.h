// Tensors of the device against the double-precision reference.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "bench/conformance/tolerance.h"
#include "kernels/backend.h"
#include "kernels/cuda/movement.h"
#include "engine/tensor/philox.h"
#include "kernels/reference/reference_backend.h"
#include "tests/cuda/device.h"

namespace engine::test {

inline const bool reference_is_there = (register_reference_backend(), true);
inline Backend& reference() { return backend_of(Device::reference); }

inline constexpr DType floating[] = {DType::f32, DType::f16, DType::bf16};
/// Awkward ones: a scalar, less than a vector, vectors and a rest, several blocks, channels that fill no vector.
inline const std::vector<Shape>& shapes() {
  static const std::vector<Shape> list = {{},           {1},           {31},          {4099},       {13, 7},
                                          {1, 3, 1, 1}, {2, 17, 5, 3}, {2, 3, 33, 9}, {3, 64, 7, 7}, {2, 40, 1, 37},
                                          {0, 3},       {2, 0, 4, 4}};
  return list;
}

/// Seeded normal numbers, on the reference device.
inline Tensor normal(const Shape& shape, DType dtype, std::uint32_t sample, double std = 1.0) {
  RandomKey key(2024, RandomStream::test);
  key.sample = sample;
  Random random(key);
  std::vector<double> v(static_cast<std::size_t>(shape.numel()));
  for (double& x : v) x = std * random.normal();
  return from_vector(v, shape, Device::reference, dtype);
}

/// A tensor of the reference on the device, in channels-last layout where asked for.
inline Tensor on_device(const Tensor& x, bool channels_last = false) {
  std::vector<std::byte> bytes(x.bytes());
  reference().to_host(x, bytes.data());
  const Tensor y = device::from_host(context(), bytes.data(), x.shape(), x.dtype());
  return channels_last ? device::to_channels_last(context(), y) : y;
}
inline Tensor to_reference(const Tensor& x) {
  std::vector<std::byte> bytes(x.bytes());
  device::to_host(context(), x, bytes.data());
  return reference().from_host(bytes.data(), x.shape(), x.dtype());
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  std::vector<std::byte> left(a.bytes()), right(b.bytes());
  reference().to_host(a, left.data());
  reference().to_host(b, right.data());
  return left == right;
}

/// Largest error over the largest truth; NaN where only one of them is NaN. A NaN must be one on both sides.
inline double error(const Tensor& found_, const Tensor& truth_) {
  const auto found = to_vector<double>(to_reference(found_)), truth = to_vector<double>(truth_);
  if (found.size() != truth.size()) return std::numeric_limits<double>::quiet_NaN();
  double largest = 1e-30, worst = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    if (std::isnan(truth[i]) && std::isnan(found[i])) continue;
    if (std::isinf(truth[i]) && truth[i] == found[i]) continue;
    const double e = std::fabs(found[i] - truth[i]);
    if (!(e <= worst)) worst = e;
    if (std::isnan(worst)) return worst;
    if (std::isfinite(truth[i])) largest = std::max(largest, std::fabs(truth[i]));
  }
  return worst / largest;
}

inline void check_close(const Tensor& found, const Tensor& truth) {
  CAPTURE(found.str());
  REQUIRE(found.shape() == truth.shape());
  REQUIRE(found.dtype() == truth.dtype());
  CHECK(error(found, truth) <= conformance::tolerance(found.dtype(), 1).element);
}

/// Within the tolerance of sums of `terms` numbers; the mean of values around zero, which cancels, is one.
inline void check_sum(const Tensor& found, const Tensor& truth, std::int64_t terms) {
  CAPTURE(found.str());
  REQUIRE(found.shape() == truth.shape());
  REQUIRE(found.dtype() == truth.dtype());
  CHECK(error(found, truth) <= conformance::tolerance(found.dtype(), std::max<std::int64_t>(terms, 1)).element);
}

}  // namespace engine::test

// What every test of this folder says.
using namespace engine;
using test::check_close;
using test::check_sum;
using test::context;
using test::on_device;
using test::reference;
using test::same_bits;
using test::to_reference;
namespace device = test::device;

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

#include "kernels/cuda/elementwise.h"

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cuda/broadcast.h"
#include "kernels/cuda/divisor.h"
#include "tests/cuda/compare.h"

namespace {

// Calls f(dtype, shape, channels-last or not).
template <class F>
void for_each_kind(F&& f) {
  for (const DType type : test::floating)
    for (const Shape& s : test::shapes())
      for (const bool last : {false, true}) {
        if (last && !device::has_channels_last(s)) continue;
        CAPTURE(s.str());
        CAPTURE(name_of(type));
        f(type, s, last);
      }
}

}  // namespace

TEST_CASE("Activations and their gradients equal the reference in every type and layout") {
  for (int k = 0; k < activation_count; ++k) {
    const ActivationParams p{static_cast<Activation>(k), 0.2};
    CAPTURE(name_of(p.kind));
    for_each_kind([&](DType type, const Shape& s, bool last) {
      const Tensor x = test::normal(s, type, 20, 3.0), dy = test::normal(s, type, 21);
      const Tensor y = device::activation(context(), on_device(x, last), p);
      CHECK(device::channels_last(y) == last);
      check_close(y, reference().activation(x, p));
      check_close(device::activation_backward(context(), on_device(x, last), on_device(dy), p),
                  reference().activation_backward(x, dy, p));
    });
  }
}

TEST_CASE("Activations at their corners and far out equal the reference, and NaN stays NaN") {
  const std::vector<double> corners = {0.0, -0.0, 3.0, -3.0, 6.0, -6.0, 1e-30, -1e-30, 80.0, -80.0, 1000.0, -1000.0,
                                       std::numeric_limits<double>::quiet_NaN()};
  const Tensor x = from_vector(corners, {13}, Device::reference, DType::f32);
  const Tensor dy = from_vector(std::vector<double>(13, 1.5), {13}, Device::reference, DType::f32);
  for (int k = 0; k < activation_count; ++k) {
    const ActivationParams p{static_cast<Activation>(k), 0.2};
    CAPTURE(name_of(p.kind));
    // Each element by itself: a large one must not hide an error in a small one.
    const auto found = to_vector<double>(to_reference(device::activation(context(), on_device(x), p)));
    const auto truth = to_vector<double>(reference().activation(x, p));
    for (std::size_t i = 0; i + 1 < corners.size(); ++i) {
      CAPTURE(corners[i]);
      const double tolerance = 1e-5 * std::fabs(truth[i]) + 1e-30;
      CHECK(std::fabs(found[i] - truth[i]) <= tolerance);
    }
    CHECK(std::isnan(found.back()));
    const Tensor shorter = reference().slice(x, {0}, {12}), shorter_dy = reference().slice(dy, {0}, {12});
    check_close(device::activation_backward(context(), on_device(shorter), on_device(shorter_dy), p),
                reference().activation_backward(shorter, shorter_dy, p));
  }
}

TEST_CASE("add and mul broadcast as NumPy does, whichever operand is in which layout") {
  struct Pair {
    Shape a, b;
  };
  const std::vector<Pair> pairs = {{{}, {}},
                                   {{31}, {31}},
                                   {{4099}, {}},
                                   {{2, 17, 5, 3}, {2, 17, 5, 3}},
                                   {{2, 17, 5, 3}, {1, 17, 1, 1}},
                                   {{2, 17, 1, 1}, {2, 17, 5, 3}},
                                   {{2, 16, 5, 3}, {3}},
                                   {{2, 16, 5, 3}, {}},
                                   {{2, 64, 5, 4}, {2, 64, 1, 1}},
                                   {{2, 64, 5, 4}, {2, 1, 5, 4}},
                                   {{2, 64, 5, 4}, {64, 1, 4}},
                                   {{13, 1}, {1, 7}},
                                   {{33, 64}, {64}},
                                   {{33, 64}, {33, 1}},
                                   {{3, 33, 1, 1}, {3, 33, 1, 1}},
                                   {{2, 1, 5, 3}, {1, 9, 1, 3}},
                                   {{2, 3, 1, 5, 1, 2}, {1, 3, 4, 1, 7, 2}},
                                   {{0, 3}, {3}}};
  for (const DType type : test::floating)
    for (const Pair& pair : pairs)
      for (const bool a_last : {false, true})
        for (const bool b_last : {false, true}) {
          CAPTURE(pair.a.str());
          CAPTURE(pair.b.str());
          CAPTURE(a_last);
          CAPTURE(b_last);
          const Tensor a = test::normal(pair.a, type, 30), b = test::normal(pair.b, type, 31);
          const Tensor left = on_device(a, a_last), right = on_device(b, b_last);
          check_close(device::add(context(), left, right), reference().add(a, b));
          check_close(device::mul(context(), left, right), reference().mul(a, b));
        }
}

TEST_CASE("A walk joins dimensions that both operands pass without a jump") {
  const Tensor x = on_device(test::normal({2, 64, 5, 4}, DType::f32, 1), true);
  const Tensor gate = on_device(test::normal({2, 64, 1, 1}, DType::f32, 1));
  const auto w = device::broadcast_walk(x, x, gate);
  CHECK(w.extents == std::vector<std::int64_t>{64, 20, 2});
  CHECK(w.a == std::vector<std::int64_t>{1, 64, 1280});
  CHECK(w.b == std::vector<std::int64_t>{1, 0, 64});
}

TEST_CASE("The quick division is division, for all divisors a tensor can have") {
  for (const std::uint32_t d : {1u, 2u, 3u, 7u, 64u, 641u, 65535u, 65537u, 1u << 30, 0x7FFFFFFFu})
    for (const std::uint32_t n : {0u, 1u, d - 1, d, 12345678u, 0x7FFFFFFEu, 0x7FFFFFFFu}) {
      if (n > 0x7FFFFFFFu) continue;
      const auto [q, r] = device::Divisor<std::uint32_t>(d)(n);
      CHECK(q == n / d);
      CHECK(r == n % d);
    }
}

TEST_CASE("scale and accumulate_ equal the reference, in every type and layout") {
  for_each_kind([&](DType type, const Shape& s, bool last) {
    const Tensor x = test::normal(s, type, 40);
    for (const double factor : {3.0, -0.25, 1.7, 0.0})
      check_close(device::scale(context(), on_device(x, last), factor), reference().scale(x, factor));
    const Tensor acc = test::normal(s, type, 41);
    const Tensor sum = on_device(acc, last);
    device::accumulate_(context(), sum, on_device(x));
    CHECK(sum.storage()->version == 1);
    reference().accumulate_(acc, x);
    check_close(sum, acc);
  });
}

TEST_CASE("dropout drops the very elements that the CPU drops, bit for bit in f32") {
  if (!has_backend(Device::cpu)) register_cpu_backend();
  RandomKey key(7, RandomStream::dropout);
  key.epoch = 3;
  key.sample = 2;
  key.step = 11;
  for_each_kind([&](DType type, const Shape& s, bool last) {
    for (const double p : {0.0, 0.1, 0.5}) {
      const Tensor x = test::normal(s, type, 50);
      const Tensor y = device::dropout(context(), on_device(x, last), p, key);
      check_close(y, reference().dropout(x, p, key));
      if (type != DType::f32) continue;
      const Tensor on_cpu = backend_of(Device::cpu).dropout(to_device(x, Device::cpu), p, key);
      CHECK(test::same_bits(to_reference(y), to_device(on_cpu, Device::reference)));
    }
  });
}

TEST_CASE("What does not fit is refused with a typed error") {
  const Tensor x = on_device(test::normal({3}, DType::f32, 1)), h = on_device(test::normal({3}, DType::f16, 1));
  const Tensor d = on_device(test::normal({3}, DType::f64, 1)), y = on_device(test::normal({4}, DType::f32, 1));
  CHECK_THROWS_AS(device::add(context(), x, h), UsageError);
  CHECK_THROWS_AS(device::add(context(), x, y), UsageError);
  CHECK_THROWS_AS(device::activation(context(), d, {}), UsageError);
  CHECK_THROWS_AS(device::accumulate_(context(), x, y), UsageError);
  CHECK_THROWS_AS(device::accumulate_(context(), x, h), UsageError);
  CHECK_THROWS_AS(device::dropout(context(), x, 1.0, {}), UsageError);
}

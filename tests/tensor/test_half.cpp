// f16 and bf16 against the definition of their values, over every bit pattern and every tie.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/tensor/half.h"
#include "engine/tensor/philox.h"

using namespace engine;

namespace {

// A binary format by its definition: sign, exponent field, mantissa field.
struct Format {
  int exponent_bits, mantissa_bits;
  std::uint16_t (*from_f32)(float);
  float (*to_f32)(std::uint16_t);

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  unsigned infinity() const { return ((1u << exponent_bits) - 1) << mantissa_bits; }

  double value(std::uint16_t bits) const {
    const double sign = bits >> 15 ? -1.0 : 1.0;
    const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
    const int mantissa = bits & ((1 << mantissa_bits) - 1);
    if (exponent == (1 << exponent_bits) - 1) return mantissa == 0 ? sign * INFINITY : NAN;
    const int hidden = exponent == 0 ? 0 : 1 << mantissa_bits;
    return sign * std::ldexp(hidden + mantissa, std::max(exponent, 1) - bias() - mantissa_bits);
  }

  // Nearest representable value, ties to even: a whole number of units in the last place, rounded by the FPU in double.
  double rounded(float f) const {
    if (f == 0.0f || !std::isfinite(f)) return f;
    const int unit = std::max(std::ilogb(f), 1 - bias()) - mantissa_bits;
    const double r = std::ldexp(std::nearbyint(std::ldexp(static_cast<double>(f), -unit)), unit);
    return std::abs(r) >= std::ldexp(1.0, bias() + 1) ? std::copysign(INFINITY, r) : r;
  }
};

const Format f16{5, 10, f16_from_f32, f32_from_f16};
const Format bf16{8, 7, bf16_from_f32, f32_from_bf16};

// Equal values with equal signs of zero; both NaN.
bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

int wrong_roundings(const Format& format, float f) {
  const std::uint16_t bits = format.from_f32(f);
  if (same(format.value(bits), format.rounded(f))) return 0;
  MESSAGE("f32 bits " << std::bit_cast<std::uint32_t>(f) << " became " << bits);
  return 1;
}

}  // namespace

TEST_CASE("Every 16-bit pattern widens to the value its fields define, and comes back") {
  for (const Format* format : {&f16, &bf16}) {
    int wrong_value = 0, wrong_way_back = 0, nans = 0;
    for (unsigned bits = 0; bits <= 0xFFFF; ++bits) {
      const auto h = static_cast<std::uint16_t>(bits);
      const float f = format->to_f32(h);
      wrong_value += !same(f, format->value(h));
      if (std::isnan(f)) {
        ++nans;
        const std::uint16_t back = format->from_f32(f);
        wrong_way_back += !std::isnan(format->value(back)) || (back ^ h) >> 15 != 0;
      } else {
        wrong_way_back += format->from_f32(f) != h;
      }
    }
    CHECK(wrong_value == 0);
    CHECK(wrong_way_back == 0);
    CHECK(nans == 2 * ((1 << format->mantissa_bits) - 1));
  }
}

TEST_CASE("Between any two neighbours the tie goes to the even one, and a hair beside it to the nearer one") {
  for (const Format* format : {&f16, &bf16}) {
    int wrong = 0;
    for (unsigned bits = 0; bits < format->infinity(); ++bits) {
      const double low = format->value(static_cast<std::uint16_t>(bits));
      const double high = bits + 1 == format->infinity() ? std::ldexp(1.0, format->bias() + 1)
                                                         : format->value(static_cast<std::uint16_t>(bits + 1));
      const auto tie = static_cast<float>((low + high) / 2);
      REQUIRE(static_cast<double>(tie) == (low + high) / 2);
      for (const float f : {tie, std::nextafterf(tie, 0.0f), std::nextafterf(tie, INFINITY)})
        wrong += wrong_roundings(*format, f) + wrong_roundings(*format, -f);
      const std::uint16_t even =
          bits % 2 == 0 ? static_cast<std::uint16_t>(bits) : static_cast<std::uint16_t>(bits + 1);
      wrong += format->from_f32(tie) != even;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("Random bit patterns of f32 round to the nearest value") {
  const RandomKey key(2, RandomStream::test);
  Random random(key);
  int wrong = 0;
  for (int i = 0; i < 300000; ++i) {
    const auto f = std::bit_cast<float>(random.bits());
    if (std::isnan(f)) continue;
    wrong += wrong_roundings(f16, f) + wrong_roundings(bf16, f);
    // Most patterns lie outside f16's range; this one never does.
    wrong += wrong_roundings(f16, std::ldexp(1.0f + random.uniform(), static_cast<int>(random.below(44)) - 27));
  }
  INFO("seed " << key.seed);
  CHECK(wrong == 0);
}

TEST_CASE("NaN stays NaN, also where only its lowest bits are set") {
  for (const std::uint32_t bits : {0x7F800001u, 0x7FC00000u, 0x7FFFFFFFu, 0xFF800001u, 0xFFFFFFFFu, 0x7F80FFFFu}) {
    const auto f = std::bit_cast<float>(bits);
    INFO("f32 bits " << bits);
    CHECK(std::isnan(f32_from_f16(f16_from_f32(f))));
    CHECK(std::isnan(f32_from_bf16(bf16_from_f32(f))));
    CHECK(std::signbit(f32_from_f16(f16_from_f32(f))) == std::signbit(f));
    CHECK(std::signbit(f32_from_bf16(bf16_from_f32(f))) == std::signbit(f));
  }
}

TEST_CASE("Values a reader can check by hand") {
  CHECK(f16_from_f32(1.0f) == 0x3C00);
  CHECK(f16_from_f32(-2.0f) == 0xC000);
  CHECK(f16_from_f32(65504.0f) == 0x7BFF);
  CHECK(f16_from_f32(65519.996f) == 0x7BFF);
  CHECK(f16_from_f32(65520.0f) == 0x7C00);
  CHECK(f16_from_f32(0x1p-24f) == 0x0001);
  CHECK(f16_from_f32(0x1p-25f) == 0x0000);
  CHECK(f16_from_f32(0x1.8p-24f) == 0x0002);
  CHECK(bf16_from_f32(1.0f) == 0x3F80);
  CHECK(bf16_from_f32(3.14159265f) == 0x4049);
  CHECK(bf16_from_f32(3.4028235e38f) == 0x7F80);
  static_assert(f16_from_f32(f32_from_f16(0x03FF)) == 0x03FF, "the largest subnormal, at compile time");
}

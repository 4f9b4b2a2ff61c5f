// Which numbers survive a conversion.
#include <doctest/doctest.h>

#include <cstdint>

#include "engine/tensor/holds.h"

using namespace engine;

TEST_CASE("Floating types hold every number") {
  CHECK(holds<float>(1e300));
  CHECK(holds<float>(std::numeric_limits<double>::quiet_NaN()));
  CHECK(holds<double>(std::numeric_limits<std::int64_t>::max()));
}

TEST_CASE("Integers hold what lies between their ends once the fraction is cut off") {
  CHECK(holds<std::uint8_t>(255.9));
  CHECK_FALSE(holds<std::uint8_t>(256.0));
  CHECK(holds<std::uint8_t>(-0.9f));
  CHECK_FALSE(holds<std::uint8_t>(-1.0f));
  CHECK(holds<std::int64_t>(-0x1p63));
  CHECK_FALSE(holds<std::int64_t>(0x1p63));
  CHECK(holds<std::int64_t>(std::nextafter(0x1p63, 0.0)));
  CHECK_FALSE(holds<std::int64_t>(std::nextafter(-0x1p63, -INFINITY)));
  CHECK_FALSE(holds<std::int64_t>(0x1p63f));
}

TEST_CASE("Integers hold neither NaN nor infinity") {
  for (const double odd : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    CAPTURE(odd);
    CHECK_FALSE(holds<std::int64_t>(odd));
    CHECK_FALSE(holds<std::uint8_t>(odd));
    CHECK_FALSE(holds<std::int64_t>(static_cast<float>(odd)));
  }
}

TEST_CASE("Integers hold other integers in range") {
  CHECK(holds<std::uint8_t>(std::int64_t{255}));
  CHECK_FALSE(holds<std::uint8_t>(std::int64_t{256}));
  CHECK_FALSE(holds<std::uint8_t>(std::int32_t{-1}));
  CHECK(holds<std::int64_t>(std::uint8_t{200}));
}

// Extents, strides, broadcasting; shapes that no memory could hold.
#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "engine/tensor/error.h"
#include "engine/tensor/philox.h"
#include "engine/tensor/shape.h"

using namespace engine;

namespace {

// NumPy's rule as its manual words it: align at the right, missing extents are 1, each pair equal or one of them 1.
std::optional<std::vector<std::int64_t>> numpy_broadcast(std::vector<std::int64_t> a, std::vector<std::int64_t> b) {
  while (a.size() < b.size()) a.insert(a.begin(), 1);
  while (b.size() < a.size()) b.insert(b.begin(), 1);
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || b[i] == 1)
      out.push_back(a[i]);
    else if (a[i] == 1)
      out.push_back(b[i]);
    else
      return std::nullopt;
  }
  return out;
}

std::vector<std::int64_t> random_dims(Random& random) {
  std::vector<std::int64_t> dims(random.below(5));
  for (auto& d : dims) d = random.below(4);
  return dims;
}

}  // namespace

TEST_CASE("A scalar has rank 0 and one element; an extent of 0 empties a shape") {
  CHECK(Shape().rank() == 0);
  CHECK(Shape().numel() == 1);
  CHECK(Shape().str() == "[]");
  CHECK(Shape().strides().empty());
  CHECK(Shape{3, 0, 7}.numel() == 0);
  CHECK(Shape{2, 3, 5, 7}.numel() == 210);
  CHECK(Shape{2, 3, 32, 31}.str() == "[2, 3, 32, 31]");
}

TEST_CASE("Negative indices count from the end") {
  const Shape s{2, 3, 5, 7};
  CHECK(s[0] == 2);
  CHECK(s[-1] == 7);
  CHECK(s[-4] == 2);
  CHECK(s.with(1, 11) == Shape{2, 11, 5, 7});
  CHECK(s.with(-1, 0) == Shape{2, 3, 5, 0});
  CHECK(s == Shape{2, 3, 5, 7});
  CHECK(s != Shape{2, 3, 5});
}

TEST_CASE("Strides walk the elements in row-major order") {
  const Shape s{3, 1, 5, 2};
  const auto strides = s.strides();
  std::int64_t flat = 0;
  for (std::int64_t a = 0; a < 3; ++a)
    for (std::int64_t b = 0; b < 1; ++b)
      for (std::int64_t c = 0; c < 5; ++c)
        for (std::int64_t d = 0; d < 2; ++d)
          CHECK(a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3] == flat++);
  CHECK(flat == s.numel());
}

TEST_CASE("Shapes broadcast as NumPy's do") {
  CHECK(broadcast({2, 3, 5, 7}, {3, 1, 1}) == Shape{2, 3, 5, 7});
  CHECK(broadcast({}, {4, 1}) == Shape{4, 1});
  CHECK(broadcast({1}, {0}) == Shape{0});
  CHECK_THROWS_WITH_AS(broadcast({2, 3}, {2}), doctest::Contains("[2, 3] and [2]"), UsageError);
  CHECK_THROWS_AS(broadcast({0}, {2}), UsageError);
  const RandomKey key(1, RandomStream::test);
  Random random(key);
  int fitting = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto a = random_dims(random), b = random_dims(random);
    const auto expected = numpy_broadcast(a, b);
    INFO("seed " << key.seed << ": " << Shape(a).str() << " with " << Shape(b).str());
    if (!expected) {
      CHECK_THROWS_AS(broadcast(Shape(a), Shape(b)), UsageError);
      continue;
    }
    ++fitting;
    CHECK(broadcast(Shape(a), Shape(b)) == Shape(*expected));
  }
  CHECK(fitting > 200);
  CHECK(fitting < 1800);
}

TEST_CASE("Negative extents and element counts beyond any memory are refused") {
  CHECK_THROWS_WITH_AS((Shape{2, -1}), doctest::Contains("[2, -1]: negative extent"), UsageError);
  const std::int64_t big = std::int64_t{1} << 40;
  CHECK_THROWS_WITH_AS((Shape{big, big}), doctest::Contains("too many elements"), UsageError);
  CHECK_THROWS_AS((Shape{INT64_MAX}), UsageError);
  CHECK_THROWS_AS((Shape{INT64_MAX, INT64_MAX, INT64_MAX}), UsageError);
  // 2^61 elements of 8 bytes would be 2^64 bytes, which is 0 in 64 bits.
  CHECK_THROWS_AS((Shape{std::int64_t{1} << 61}), UsageError);
  // Even where there are no elements, the strides must be numbers.
  CHECK_THROWS_AS((Shape{0, big, big}), UsageError);
  CHECK_THROWS_AS((Shape{big, 0, big}), UsageError);
  CHECK_THROWS_AS((Shape{big, 3}.with(1, big)), UsageError);
  CHECK((Shape{0, big, 3}.strides() == std::vector<std::int64_t>{3 * big, 3, 1}));
}

#include "kernels/cuda/shape.h"

#include "tests/cuda/compare.h"

namespace {

constexpr DType moved[] = {DType::u8, DType::f16, DType::f32, DType::i64};

// Different numbers in every element, as far as the type can tell.
Tensor counted(const Shape& shape, DType dtype, std::int64_t first = 0) {
  std::vector<double> v(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>((first + static_cast<std::int64_t>(i)) % 251);
  return reference().cast(from_vector(v, shape, Device::reference, DType::f64), dtype);
}

// Calls f(tensor of the reference, the same on the device) in each layout the shape has.
template <class F>
void on_each_layout(const Tensor& x, F&& f) {
  for (const bool last : {false, true}) {
    if (last && !device::has_channels_last(x.shape())) continue;
    const Tensor y = on_device(x, last);
    CAPTURE(y.str());
    f(y, last);
  }
}

void check_equal(const Tensor& found, const Tensor& truth) {
  CAPTURE(found.str());
  CAPTURE(truth.str());
  CHECK(same_bits(to_reference(found), truth));
}

}  // namespace

TEST_CASE("slice cuts the same box from either layout, aligned or not") {
  struct Box {
    Shape from;
    std::vector<std::int64_t> begin;
    Shape extent;
  };
  const std::vector<Box> boxes = {{{}, {}, {}},
                                  {{37}, {5}, {31}},
                                  {{64}, {16}, {48}},
                                  {{5, 17}, {0, 0}, {5, 16}},
                                  {{5, 16}, {0, 0}, {5, 13}},
                                  {{13, 8}, {1, 0}, {11, 8}},
                                  {{2, 17, 5, 3}, {0, 3, 1, 0}, {2, 11, 3, 3}},
                                  {{3, 32, 6, 8}, {1, 16, 0, 4}, {2, 16, 6, 4}},
                                  {{2, 8, 9, 9}, {0, 0, 4, 4}, {2, 8, 1, 1}},
                                  {{2, 3, 4, 5, 6}, {1, 0, 2, 1, 3}, {1, 2, 2, 3, 3}},
                                  {{2, 17, 5, 3}, {0, 0, 5, 0}, {2, 17, 0, 3}}};
  for (const DType type : moved)
    for (const Box& b : boxes) {
      const Tensor x = counted(b.from, type);
      on_each_layout(x, [&](const Tensor& y, bool) {
        check_equal(device::slice(context(), y, b.begin, b.extent), reference().slice(x, b.begin, b.extent));
      });
    }
  CHECK_THROWS_AS(device::slice(context(), on_device(counted({4, 4}, DType::f32)), {1, 0}, {4, 4}), UsageError);
}

TEST_CASE("concat moves no more at once than the place in the result allows") {
  for (const DType type : moved)
    for (const std::int64_t before : {1, 2, 4, 8}) {
      const Tensor short_one = counted({before}, type), long_one = counted({64}, type, 100);
      check_equal(device::concat(context(), {on_device(short_one), on_device(long_one)}, 0),
                  reference().concat({short_one, long_one}, 0));
    }
}

TEST_CASE("concat joins along every axis, of operands in different layouts") {
  for (const DType type : moved)
    for (int axis = 0; axis < 4; ++axis) {
      const Shape s{2, 16, 5, 3};
      const std::vector<Tensor> xs = {counted(s, type), counted(s.with(axis, 7), type, 100), counted(s.with(axis, 0), type),
                                      counted(s.with(axis, 1), type, 31)};
      const Tensor truth = reference().concat(xs, axis);
      for (int mask = 0; mask < 16; ++mask) {
        std::vector<Tensor> on;
        for (std::size_t i = 0; i < xs.size(); ++i) on.push_back(on_device(xs[i], mask >> i & 1 && xs[i].numel() > 0));
        CAPTURE(axis);
        CAPTURE(mask);
        check_equal(device::concat(context(), on, axis), truth);
      }
    }
  CHECK_THROWS_AS(device::concat(context(), {}, 0), UsageError);
}

TEST_CASE("pad surrounds with the value on every side") {
  const Tensor x = counted({2, 17, 5, 3}, DType::f32);
  const std::vector<std::int64_t> before{0, 1, 2, 0}, after{1, 0, 3, 4};
  on_each_layout(x, [&](const Tensor& y, bool last) {
    const Tensor found = device::pad(context(), y, before, after, -2.5);
    CHECK(device::channels_last(found) == last);
    check_equal(found, reference().pad(x, before, after, -2.5));
  });
  check_equal(device::pad(context(), on_device(counted({0, 3}, DType::f16)), {1, 1}, {1, 0}, 7.0),
              reference().pad(counted({0, 3}, DType::f16), {1, 1}, {1, 0}, 7.0));
  CHECK_THROWS_AS(device::pad(context(), on_device(x), {0, 0, 0, -1}, after, 0.0), UsageError);
}

TEST_CASE("transpose permutes any axes: as matrices where it is one, else element by element") {
  const std::vector<std::pair<Shape, std::vector<int>>> cases = {
      {{}, {}},
      {{67, 45}, {1, 0}},
      {{3, 40, 33}, {0, 2, 1}},
      {{3, 40, 33}, {2, 0, 1}},
      {{3, 40, 33}, {2, 1, 0}},
      {{2, 17, 5, 3}, {0, 2, 3, 1}},
      {{2, 17, 5, 3}, {0, 3, 1, 2}},
      {{2, 17, 5, 3}, {3, 1, 0, 2}},
      {{2, 17, 5, 3}, {0, 1, 2, 3}},
      {{2, 3, 4, 5, 6}, {4, 2, 0, 3, 1}},
      {{4, 0, 3}, {2, 0, 1}}};
  for (const DType type : moved)
    for (const auto& [shape, axes] : cases) {
      const Tensor x = counted(shape, type);
      CAPTURE(axes);
      on_each_layout(x, [&](const Tensor& y, bool) {
        check_equal(device::transpose(context(), y, axes), reference().transpose(x, axes));
      });
    }
  CHECK_THROWS_AS(device::transpose(context(), on_device(counted({2, 3}, DType::f32)), {0, 0}), UsageError);
}

TEST_CASE("broadcast_to repeats along every dimension") {
  const std::vector<std::pair<Shape, Shape>> cases = {{{}, {3, 5}},
                                                      {{1}, {4099}},
                                                      {{7, 1}, {7, 33}},
                                                      {{1, 33}, {7, 33}},
                                                      {{17, 1, 1}, {2, 17, 5, 3}},
                                                      {{2, 17, 5, 3}, {2, 17, 5, 3}},
                                                      {{1, 17, 1, 3}, {4, 17, 5, 3}},
                                                      {{0, 1}, {0, 3}}};
  for (const DType type : moved)
    for (const auto& [from, to] : cases) {
      const Tensor x = counted(from, type);
      CAPTURE(to.str());
      on_each_layout(x, [&](const Tensor& y, bool) {
        check_equal(device::broadcast_to(context(), y, to), reference().broadcast_to(x, to));
      });
    }
  CHECK_THROWS_AS(device::broadcast_to(context(), on_device(counted({2, 3}, DType::f32)), Shape{2, 4}), UsageError);
}

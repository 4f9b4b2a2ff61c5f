#include "kernels/cuda/reductions.h"

#include "tests/cuda/compare.h"

using namespace engine;
using test::check_close;
using test::context;
using test::on_device;
using test::reference;
using test::same_bits;
using test::to_reference;

namespace device = test::device;

namespace {

// Few results of many terms (shares of a sum), many results of few, neither a multiple of anything.
const std::vector<Shape>& shapes() {
  static const std::vector<Shape> list = {{1},          {5003},          {3, 4099},     {4099, 3},
                                          {70, 33},     {2, 17, 5, 3},   {3, 64, 9, 7}, {2, 40, 1, 37},
                                          {1, 3, 1, 1}, {2, 3, 4, 5, 6}, {0, 3},        {3, 0}};
  return list;
}

// All sets of axes of a rank.
std::vector<std::vector<int>> axes_of(int rank) {
  std::vector<std::vector<int>> all;
  for (int mask = 0; mask < 1 << rank; ++mask) {
    auto& axes = all.emplace_back();
    for (int i = 0; i < rank; ++i)
      if (mask >> i & 1) axes.push_back(i);
  }
  return all;
}

template <class F>
void for_each_kind(F&& f) {
  for (const DType type : test::floating)
    for (const Shape& s : shapes())
      for (const bool last : {false, true}) {
        if (last && !device::has_channels_last(s)) continue;
        CAPTURE(s.str());
        CAPTURE(name_of(type));
        CAPTURE(last);
        const Tensor x = test::normal(s, type, 31);
        f(x, on_device(x, last));
      }
}

}  // namespace

TEST_CASE("Sums and means over every set of axes equal the reference, in either layout") {
  for_each_kind([&](const Tensor& x, const Tensor& on) {
    for (const auto& axes : axes_of(x.shape().rank()))
      for (const bool keep : {false, true}) {
        CAPTURE(axes);
        CAPTURE(keep);
        check_close(device::sum(context(), on, axes, keep), reference().sum(x, axes, keep));
        check_close(device::mean(context(), on, axes, keep), reference().mean(x, axes, keep));
      }
  });
}

TEST_CASE("sum_to undoes every broadcast") {
  const std::vector<std::pair<Shape, Shape>> cases = {
      {{2, 17, 5, 3}, {17, 1, 1}},   {{2, 17, 5, 3}, {1, 17, 1, 1}}, {{2, 17, 5, 3}, {2, 17, 5, 3}},
      {{2, 17, 5, 3}, {2, 1, 5, 1}}, {{2, 17, 5, 3}, {3}},           {{2, 17, 5, 3}, {}},
      {{70, 4099}, {1, 4099}},       {{4099, 70}, {70}},             {{6000}, {1}},
      {{0, 3}, {1, 3}},              {{1, 1}, {1}}};
  for (const DType type : test::floating)
    for (const auto& [from, to] : cases)
      for (const bool last : {false, true}) {
        if (last && !device::has_channels_last(from)) continue;
        CAPTURE(from.str());
        CAPTURE(to.str());
        const Tensor x = test::normal(from, type, 32);
        check_close(device::sum_to(context(), on_device(x, last), to), reference().sum_to(x, to));
      }
  CHECK_THROWS_AS(device::sum_to(context(), on_device(test::normal({2, 3}, DType::f32, 1)), Shape{2, 2}), UsageError);
}

TEST_CASE("A NaN reaches its own sum and no other; equal calls give equal bits") {
  std::vector<double> v(3 * 4099, 0.1);
  v[4099 + 2000] = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = on_device(from_vector(v, {3, 4099}, Device::reference, DType::f32));
  const auto sums = to_vector<double>(to_reference(device::sum(context(), x, {1}, false)));
  CHECK(std::isfinite(sums[0]));
  CHECK(std::isnan(sums[1]));
  CHECK(std::isfinite(sums[2]));
  const Tensor y = on_device(test::normal({50, 4099}, DType::f32, 33));
  CHECK(same_bits(to_reference(device::sum(context(), y, {0, 1}, false)), to_reference(device::sum(context(), y, {0, 1}, false))));
}

TEST_CASE("Reductions refuse axes that are not there or come twice") {
  const Tensor x = on_device(test::normal({2, 3}, DType::f32, 1));
  CHECK_THROWS_AS(device::sum(context(), x, {2}, false), UsageError);
  CHECK_THROWS_AS(device::mean(context(), x, {0, 0}, true), UsageError);
}

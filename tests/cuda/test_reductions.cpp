#include "kernels/cuda/reductions.h"

#include "tests/cuda/compare.h"

namespace {

std::int64_t terms(const Shape& from, const Tensor& to) {
  return to.numel() == 0 ? 1 : std::max<std::int64_t>(1, from.numel() / to.numel());
}

}  // namespace

TEST_CASE("sum and mean over any dimensions equal the reference, in every type and layout") {
  auto shapes = test::shapes();
  for (const Shape& s : {Shape{40000}, Shape{257, 130}, Shape{2, 3, 4, 5, 6}, Shape{3, 8, 16, 16}}) shapes.push_back(s);
  for (const DType type : test::floating)
    for (const Shape& s : shapes) {
      const Tensor x = test::normal(s, type, 1);
      for (int mask = 0; mask < 1 << s.rank(); ++mask) {
        std::vector<int> axes;
        for (int i = s.rank(); i-- > 0;)
          if (mask >> i & 1) axes.push_back(i);
        for (const bool last : {false, true}) {
          if (last && !device::has_channels_last(s)) continue;
          const Tensor there = on_device(x, last);
          for (const bool keep : {false, true}) {
            CAPTURE(s.str());
            CAPTURE(mask);
            CAPTURE(last);
            const Tensor sum = reference().sum(x, axes, keep);
            check_sum(device::sum(context(), there, axes, keep), sum, terms(s, sum));
            check_sum(device::mean(context(), there, axes, keep), reference().mean(x, axes, keep), terms(s, sum));
          }
        }
      }
    }
}

TEST_CASE("sum_to undoes broadcasting, as the reference does") {
  const std::vector<std::pair<Shape, Shape>> cases = {
      {{2, 17, 5, 3}, {1, 17, 1, 1}}, {{2, 64, 5, 4}, {64, 1, 4}}, {{2, 64, 5, 4}, {2, 1, 5, 4}}, {{33, 64}, {64}},
      {{2, 64, 5, 4}, {2, 64, 5, 4}}, {{4099}, {}},                {{13, 7}, {13, 1}},            {{0, 3}, {3}},
      {{2, 3, 1, 5, 1, 2}, {3, 1, 1, 1, 2}}};
  for (const DType type : test::floating)
    for (const auto& [from, to] : cases)
      for (const bool last : {false, true}) {
        CAPTURE(from.str());
        CAPTURE(to.str());
        const Tensor x = test::normal(from, type, 2);
        const Tensor truth = reference().sum_to(x, to);
        check_sum(device::sum_to(context(), on_device(x, last), to), truth, terms(from, truth));
      }
}

TEST_CASE("Sums have the same bits, run after run; NaN and infinity pass") {
  const Tensor x = on_device(test::normal({3, 64, 33, 9}, DType::f32, 3), true);
  for (const std::vector<int>& axes : {std::vector<int>{0, 2, 3}, {0, 1, 2, 3}, {1}}) {
    const Tensor first = test::to_reference(device::sum(context(), x, axes, false));
    CHECK(test::same_bits(first, test::to_reference(device::sum(context(), x, axes, false))));
  }
  const double nan = not_a_number;
  const std::vector<double> values = {1, nan, 2, infinity, 3, 4, -infinity, infinity};
  const Tensor special = from_vector(values, {4, 2}, Device::reference, DType::f32);
  for (const std::vector<int>& axes : {std::vector<int>{0}, {1}})
    check_sum(device::sum(context(), on_device(special), axes, false), reference().sum(special, axes, false), 4);
}

TEST_CASE("A long sum of ones is exact, and reductions that do not fit are refused") {
  const Tensor ones = on_device(from_vector(std::vector<double>(50001, 1.0), {50001}, Device::reference, DType::f16));
  CHECK(to_vector<double>(test::to_reference(device::mean(context(), ones, {0}, false)))[0] == 1.0);
  const Tensor x = on_device(test::normal({3, 4}, DType::f32, 4));
  CHECK_THROWS_AS(device::sum(context(), x, {2}, false), UsageError);
  CHECK_THROWS_AS(device::sum(context(), x, {0, 0}, false), UsageError);
  CHECK_THROWS_AS(device::mean(context(), x, {-1}, false), UsageError);
  CHECK_THROWS_AS(device::sum_to(context(), x, {2}), UsageError);
  CHECK_THROWS_AS(device::sum(context(), on_device(test::normal({3}, DType::f64, 5)), {0}, false), UsageError);
}

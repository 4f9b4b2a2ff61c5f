#include "kernels/cuda/layer_norm.h"

#include "tests/cuda/compare.h"

namespace {

struct Case {
  Shape shape;
  int axes;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {{13, 7}, 1},       {{1, 31}, 1},       {{70, 64}, 1},       {{9, 768}, 1},        {{3, 2056}, 1}, {{2, 300}, 1},
      {{4099}, 1},        {{2, 17, 5, 3}, 3}, {{2, 3, 33, 9}, 1},  {{2, 8, 7, 16}, 2},   {{600, 12}, 1}, {{0, 5}, 1},
      {{2, 16, 5, 3}, 4}, {{5, 3, 1}, 1},     {{3, 2, 4, 5, 6}, 2}, {{3, 0}, 1}};
  return list;
}

Shape tail(const Shape& s, int axes) { return Shape(std::vector<std::int64_t>(s.dims().end() - axes, s.dims().end())); }
Shape head(const Shape& s, int axes) {
  return Shape(std::vector<std::int64_t>(s.dims().begin(), s.dims().end() - axes));
}

template <class F>
void for_each_row_case(F&& f) {
  for (const DType type : test::floating)
    for (const Case& k : cases())
      for (const bool last : {false, true}) {
        if (last && !device::has_channels_last(k.shape)) continue;
        CAPTURE(k.shape.str());
        CAPTURE(k.axes);
        CAPTURE(name_of(type));
        CAPTURE(last);
        f(type, k.shape, k.axes, last);
      }
}

}  // namespace

TEST_CASE("Layer norm equals the reference, in every type and layout") {
  for_each_row_case([](DType type, const Shape& s, int axes, bool last) {
    const Tensor x = test::normal(s, type, 1, 2.0), w = test::normal(tail(s, axes), type, 2);
    const Tensor b = test::normal(tail(s, axes), type, 3);
    const auto found = device::layer_norm(context(), on_device(x, last), on_device(w), on_device(b), axes, 1e-5);
    const auto truth = reference().layer_norm(x, w, b, axes, 1e-5);
    check_close(found.y, truth.y);
    if (s.numel() == 0) return;  // rows of nothing have no statistics
    check_sum(found.mean, truth.mean, tail(s, axes).numel());
    check_close(found.inv_std, truth.inv_std);
  });
}

TEST_CASE("Layer norm's gradients equal the reference, in every type and layout") {
  for_each_row_case([](DType type, const Shape& s, int axes, bool last) {
    const Tensor x = test::normal(s, type, 11, 2.0), w = test::normal(tail(s, axes), type, 12);
    const Tensor dy = test::normal(s, type, 13), mean = test::normal(head(s, axes), type, 14);
    auto v = to_vector<double>(test::normal(head(s, axes), type, 15));
    for (double& value : v) value = 0.5 + std::fabs(value);
    const Tensor inv_std = from_vector(v, head(s, axes), Device::reference, type);
    const auto found = device::layer_norm_backward(context(), on_device(x, last), on_device(w), on_device(mean),
                                                   on_device(inv_std), on_device(dy), axes);
    const auto truth = reference().layer_norm_backward(x, w, mean, inv_std, dy, axes);
    check_sum(found.dx, truth.dx, tail(s, axes).numel());
    check_sum(found.dweight, truth.dweight, std::max<std::int64_t>(1, head(s, axes).numel()));
    check_sum(found.dbias, truth.dbias, std::max<std::int64_t>(1, head(s, axes).numel()));
  });
}

TEST_CASE("Layer norm keeps its digits far from zero, and NaN stays in its row") {
  const Shape s{5, 2048};
  auto v = to_vector<double>(test::normal(s, DType::f32, 21));
  for (double& x : v) x += 1000.0;
  v[3 * 2048 + 77] = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = from_vector(v, s, Device::reference, DType::f32), w = test::normal({2048}, DType::f32, 22);
  const auto found = device::layer_norm(context(), on_device(x), on_device(w), on_device(w), 1, 1e-5);
  const auto truth = reference().layer_norm(x, w, w, 1, 1e-5);
  check_close(found.y, truth.y);
  check_close(found.inv_std, truth.inv_std);
}

TEST_CASE("Layer norm refuses what does not fit") {
  const auto tensor = [](const Shape& s, DType type = DType::f32) { return on_device(test::normal(s, type, 31)); };
  const Tensor x = tensor({4, 6}), w = tensor({6}), rows = tensor({4});
  CHECK_THROWS_AS(device::layer_norm(context(), x, rows, w, 1, 1e-5), UsageError);
  CHECK_THROWS_AS(device::layer_norm(context(), x, w, w, 0, 1e-5), UsageError);
  CHECK_THROWS_AS(device::layer_norm(context(), x, w, tensor({6}, DType::bf16), 1, 1e-5), UsageError);
  CHECK_THROWS_AS(device::layer_norm_backward(context(), x, w, w, rows, x, 1), UsageError);
  CHECK_THROWS_AS(device::layer_norm_backward(context(), x, w, rows, rows, w, 1), UsageError);
}

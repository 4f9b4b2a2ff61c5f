#include "kernels/cuda/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "tests/cuda/compare.h"

namespace {

// Gradients whose sums have a place in every type: rounded or not before they are used, they are the same.
Tensor sixteenths(const Shape& s, DType type, std::uint32_t seed) {
  std::vector<double> v = to_vector<double>(test::normal(s, type, seed));
  for (double& x : v) x = std::round(std::clamp(x, -3.0, 3.0) * 16.0) / 16.0;
  return from_vector(v, s, Device::reference, type);
}

// Values that are not negative, as a variance is.
Tensor positive(const Shape& s, std::uint32_t sample) {
  auto v = to_vector<double>(test::normal(s, DType::f32, sample));
  for (double& x : v) x = 0.5 + std::fabs(x);
  return from_vector(v, s, Device::reference, DType::f32);
}

const std::vector<Shape>& activations() {
  static const std::vector<Shape> list = {{13, 7},        {2, 3, 7},      {2, 17, 5, 3}, {2, 3, 33, 9}, {3, 64, 7, 7},
                                          {1, 264, 3, 2}, {2, 1, 5, 1},   {4, 40, 1, 1}, {1, 5, 61, 67}, {2, 8, 24, 32},
                                          {2, 4, 2, 3, 4}};
  return list;
}

template <class F>
void for_each_input(F&& f) {
  for (const DType type : test::floating)
    for (const Shape& s : activations())
      for (const bool last : {false, true}) {
        if (last && !device::has_channels_last(s)) continue;
        CAPTURE(s.str());
        CAPTURE(name_of(type));
        CAPTURE(last);
        f(type, s, last);
      }
}

BatchNormParams params(bool relu) {
  BatchNormParams p;
  p.relu = relu;
  return p;
}

void check_grads(const BatchNormGrads& found, const BatchNormGrads& truth) {
  check_close(found.dx, truth.dx);
  check_close(found.dweight, truth.dweight);
  check_close(found.dbias, truth.dbias);
  CHECK(found.dresidual.defined() == truth.dresidual.defined());
  if (truth.dresidual.defined()) check_close(found.dresidual, truth.dresidual);
}

}  // namespace

TEST_CASE("Batch norm of training equals the reference: result, statistics, running statistics") {
  for_each_input([&](DType type, const Shape& s, bool last) {
    const Shape channels{s[1]};
    const Tensor x = test::normal(s, type, 1, 2.0), r = test::normal(s, type, 2);
    const Tensor w = test::normal(channels, DType::f32, 3), b = test::normal(channels, DType::f32, 4);
    for (const bool residual : {false, true}) {
      const Tensor mean = test::normal(channels, DType::f32, 5), var = positive(channels, 6);
      const Tensor found_mean = on_device(mean), found_var = on_device(var);
      const auto truth = reference().batch_norm_train(x, residual ? r : Tensor(), w, b, mean, var, params(residual));
      const auto found = device::batch_norm_train(context(), on_device(x, last), residual ? on_device(r) : Tensor(),
                                                  on_device(w), on_device(b), found_mean, found_var, params(residual));
      CHECK(device::channels_last(found.y) == last);
      check_close(found.y, truth.y);
      check_sum(found.mean, truth.mean, s.numel() / s[1]);
      check_close(found.inv_std, truth.inv_std);
      check_sum(found_mean, mean, s.numel() / s[1]);
      check_close(found_var, var);
      CHECK(found_mean.storage()->version == 1);
      CHECK(found_var.storage()->version == 1);
    }
  });
}

TEST_CASE("Batch norm's gradients equal the reference, with the mask given and computed again") {
  for_each_input([&](DType type, const Shape& s, bool last) {
    const Shape channels{s[1]};
    const Tensor x = test::normal(s, type, 11, 2.0), y = test::normal(s, type, 12), dy = sixteenths(s, type, 13);
    const Tensor w = test::normal(channels, DType::f32, 14), b = test::normal(channels, DType::f32, 15);
    const Tensor mean = test::normal(channels, DType::f32, 16), spread = positive(channels, 17);
    const Tensor x_ = on_device(x, last), y_ = on_device(y), dy_ = on_device(dy), w_ = on_device(w), b_ = on_device(b);
    const Tensor mean_ = on_device(mean), spread_ = on_device(spread);
    const Tensor second = sixteenths(s, type, 18), second_ = on_device(second, last);
    for (const int mode : {0, 1, 2, 3}) {
      const bool given = mode == 1, need = mode != 2;
      const BatchNormParams p = params(mode > 0);
      for (const bool two : {false, true})
        check_grads(device::batch_norm_train_backward(context(), x_, given ? y_ : Tensor(), w_, mean_, spread_, b_, dy_,
                                                      two ? second_ : Tensor(), need, p),
                    reference().batch_norm_train_backward(x, given ? y : Tensor(), w, mean, spread, b, dy,
                                                          two ? second : Tensor(), need, p));
      check_grads(device::batch_norm_eval_backward(context(), x_, given ? y_ : Tensor(), w_, b_, mean_, spread_, dy_,
                                                   need, p),
                  reference().batch_norm_eval_backward(x, given ? y : Tensor(), w, b, mean, spread, dy, need, p));
    }
  });
}

TEST_CASE("Batch norm with given statistics equals the reference") {
  for_each_input([&](DType type, const Shape& s, bool last) {
    const Shape channels{s[1]};
    const Tensor x = test::normal(s, type, 21, 2.0), r = test::normal(s, type, 22);
    const Tensor w = test::normal(channels, DType::f32, 23);
    const Tensor b = test::normal(channels, DType::f32, 24), mean = test::normal(channels, DType::f32, 25);
    const Tensor var = positive(channels, 26);
    for (const bool residual : {false, true})
      check_close(device::batch_norm_eval(context(), on_device(x, last), residual ? on_device(r) : Tensor(),
                                          on_device(w), on_device(b), on_device(mean), on_device(var),
                                          params(residual)),
                  reference().batch_norm_eval(x, residual ? r : Tensor(), w, b, mean, var, params(residual)));
  });
}

TEST_CASE("The mask that batch norm's backward computes again is the result's, to the bit") {
  for_each_input([&](DType type, const Shape& s, bool last) {
    const Shape channels{s[1]};
    const Tensor x = on_device(test::normal(s, type, 31), last), dy = on_device(test::normal(s, type, 32), last);
    const Tensor w = on_device(test::normal(channels, DType::f32, 33)), b = on_device(test::normal(channels, DType::f32, 34));
    const BatchNormParams p = params(true);
    const auto r = device::batch_norm_train(context(), x, {}, w, b, {}, {}, p);
    const auto given = device::batch_norm_train_backward(context(), x, r.y, w, r.mean, r.inv_std, {}, dy, {}, true, p);
    const auto again = device::batch_norm_train_backward(context(), x, {}, w, r.mean, r.inv_std, r.shift, dy, {}, true, p);
    CHECK(test::same_bits(test::to_reference(given.dresidual), test::to_reference(again.dresidual)));
    CHECK(test::same_bits(test::to_reference(given.dx), test::to_reference(again.dx)));
    CHECK(test::same_bits(test::to_reference(given.dweight), test::to_reference(again.dweight)));
  });
}

TEST_CASE("Both masks of batch norm agree at the corner: where a product cancels the shift, where y underflows") {
  const Shape s{2, 64, 3, 2}, channels{64};
  for (const DType type : test::floating) {
    const bool f16 = type == DType::f16;
    auto x0 = to_vector<double>(test::normal(channels, type, 71));
    auto w = to_vector<double>(test::normal(channels, DType::f32, 72));
    std::vector<double> b(64, 0.0), x(static_cast<std::size_t>(s.numel()));
    const double var = f16 ? 30000.0 : 0.7;
    for (std::size_t k = 0; k < 64; ++k) {
      const float scale = static_cast<float>(w[k]) * (1.0f / std::sqrt(static_cast<float>(var) + 1e-5f));
      // y is what one rounding of the product loses, of either sign; in f16 it is below the least number.
      if (f16) w[k] = 6e-5, x0[k] *= 0.01;
      else b[k] = -static_cast<double>(static_cast<float>(x0[k]) * scale);
    }
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = x0[i / 6 % 64];
    const auto tensor = [&](const std::vector<double>& v, const Shape& shape) {
      return on_device(from_vector(v, shape, Device::reference, shape.rank() == 1 ? DType::f32 : type));
    };
    const Tensor x_ = tensor(x, s), w_ = tensor(w, channels), b_ = tensor(b, channels);
    const Tensor mean = tensor(std::vector<double>(64, 0.0), channels);
    const Tensor spread = tensor(std::vector<double>(64, var), channels);
    const Tensor dy = on_device(test::normal(s, type, 73));
    const BatchNormParams p = params(true);
    const Tensor y = device::batch_norm_eval(context(), x_, {}, w_, b_, mean, spread, p);
    if (type == DType::f32) {
      const auto values = to_vector<double>(test::to_reference(y));
      const auto tiny = std::count_if(values.begin(), values.end(), [](double v) { return v > 0 && v < 1e-6; });
      CHECK(tiny > 60);  // of 384
    }
    const auto given = device::batch_norm_eval_backward(context(), x_, y, w_, b_, mean, spread, dy, true, p);
    const auto again = device::batch_norm_eval_backward(context(), x_, {}, w_, b_, mean, spread, dy, true, p);
    CHECK(test::same_bits(test::to_reference(given.dresidual), test::to_reference(again.dresidual)));
    CHECK(test::same_bits(test::to_reference(given.dx), test::to_reference(again.dx)));
  }
}

TEST_CASE("Batch norm keeps its digits far from zero") {
  const Shape s{3, 8, 31, 32};
  const Tensor noise = test::normal(s, DType::f32, 41);
  auto v = to_vector<double>(noise);
  for (double& x : v) x += 1000.0;
  const Tensor x = from_vector(v, s, Device::reference, DType::f32), w = test::normal({8}, DType::f32, 42);
  for (const bool last : {false, true}) {
    const auto found =
        device::batch_norm_train(context(), on_device(x, last), {}, on_device(w), on_device(w), {}, {}, {});
    const auto truth = reference().batch_norm_train(x, {}, w, w, {}, {}, {});
    check_close(found.inv_std, truth.inv_std);
    check_close(found.y, truth.y);
  }
}

TEST_CASE("NaN passes through batch norm, and only through its channel") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> v(2 * 3 * 4, 1.0);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i * i % 7);
  v[5] = nan;
  const Tensor x = from_vector(v, {2, 3, 2, 2}, Device::reference, DType::f32), w = test::normal({3}, DType::f32, 51);
  for (const bool last : {false, true}) {
    check_close(device::batch_norm_train(context(), on_device(x, last), {}, on_device(w), on_device(w), {}, {},
                                         params(true)).y,
                reference().batch_norm_train(x, {}, w, w, {}, {}, params(true)).y);
    check_close(device::batch_norm_train_backward(context(), on_device(x, last), on_device(x), on_device(w),
                                                  on_device(w), on_device(w), {}, on_device(x), {}, true,
                                                  params(true)).dx,
                reference().batch_norm_train_backward(x, x, w, w, w, {}, x, {}, true, params(true)).dx);
  }
}

TEST_CASE("Batch norm of nothing, and what does not fit") {
  const auto tensor = [](const Shape& s, DType type = DType::f32) { return on_device(test::normal(s, type, 61)); };
  const Tensor w = tensor({3}), x = tensor({2, 3, 2, 2}), none = tensor({0, 3, 2, 2});
  CHECK(device::batch_norm_eval(context(), none, {}, w, w, w, w, {}).shape() == none.shape());
  const auto grads = device::batch_norm_eval_backward(context(), none, {}, w, w, w, w, none, true, {});
  CHECK(to_vector<double>(test::to_reference(grads.dweight)) == std::vector<double>(3, 0.0));
  CHECK_THROWS_AS(device::batch_norm_train(context(), none, {}, w, w, {}, {}, {}), UsageError);
  CHECK_THROWS_AS(device::batch_norm_train(context(), tensor({1, 3, 1, 1}), {}, w, w, {}, {}, {}), UsageError);
  CHECK_THROWS_AS(device::batch_norm_train(context(), x, {}, w, tensor({4}), {}, {}, {}), UsageError);
  CHECK_THROWS_AS(device::batch_norm_train(context(), x, {}, w, w, w, {}, {}), UsageError);
  CHECK_THROWS_AS(device::batch_norm_train(context(), x, tensor({2, 3, 2, 1}), w, w, {}, {}, {}), UsageError);
  CHECK_THROWS_AS(device::batch_norm_train(context(), x, {}, tensor({3}, DType::f16), w, {}, {}, {}), UsageError);
  CHECK_THROWS_AS(device::batch_norm_train_backward(context(), x, {}, w, w, w, {}, x, {}, true, params(true)), UsageError);
  CHECK_THROWS_AS(device::batch_norm_train_backward(context(), x, x, w, w, w, w, x, tensor({2, 3, 2, 1}), true, {}), UsageError);
}

#include "kernels/cuda/softmax.h"
#include "tests/cuda/compare.h"

namespace {

// Rows of one value, of less than a group, of a warp's and of a block's length, with and without vectors, few and many.
const Shape arrays[] = {{5},      {3, 1},    {7, 3},      {1300, 3},      {70, 10},      {33, 16},       {9, 37},
                        {9, 264}, {3, 1031}, {2, 2200},   {40, 301},      {2, 17, 5, 3}, {1, 21, 9, 16}, {2, 8, 3, 5},
                        {0, 3},   {3, 5, 7}, {2, 300, 3}, {2, 3, 1, 2, 5}};

// Calls f(dtype, shape, channels-last or not, axis).
template <class F>
void for_each_axis(F&& f) {
  for (const DType type : test::floating)
    for (const Shape& s : arrays)
      for (const bool last : {false, true})
        for (int axis = 0; axis < s.rank(); ++axis) {
          if (last && !device::has_channels_last(s)) continue;
          CAPTURE(s.str());
          CAPTURE(name_of(type));
          CAPTURE(last);
          CAPTURE(axis);
          f(type, s, last, axis);
        }
}

}  // namespace

TEST_CASE("Softmax and its logarithm equal the reference along every dimension, in every type and layout") {
  for_each_axis([](DType type, const Shape& s, bool last, int axis) {
    const Tensor x = test::normal(s, type, 50, 3.0);
    const Tensor y = device::softmax(context(), on_device(x, last), axis);
    CHECK(device::channels_last(y) == last);
    check_close(y, reference().softmax(x, axis));
    check_close(device::log_softmax(context(), on_device(x, last), axis), reference().log_softmax(x, axis));
  });
}

TEST_CASE("Gradients of softmax and its logarithm equal the reference") {
  for_each_axis([](DType type, const Shape& s, bool last, int axis) {
    const Tensor x = test::normal(s, type, 51), dy = test::normal(s, type, 52);
    const Tensor y = reference().softmax(x, axis), z = reference().log_softmax(x, axis);
    check_close(device::softmax_backward(context(), on_device(y, last), on_device(dy), axis),
                reference().softmax_backward(y, dy, axis));
    check_close(device::log_softmax_backward(context(), on_device(z, last), on_device(dy, last), axis),
                reference().log_softmax_backward(z, dy, axis));
  });
}

TEST_CASE("Softmax of large, infinite and missing numbers is the reference's, row by row and column by column") {
  const std::vector<std::vector<double>> rows = {{1e30, -1e30, 0, 1},
                                                 {-infinity, 0, 1, -infinity},
                                                 {-infinity, -infinity, -infinity, -infinity},
                                                 {infinity, 0, 1, 2},
                                                 {not_a_number, 0, 1, 2},
                                                 {-infinity, not_a_number, infinity, 0},
                                                 {88, 89, 90, -90},
                                                 {-infinity, -infinity, -infinity, -1e30}};
  for (const std::int64_t length : {4, 40, 400}) {
    std::vector<double> v;
    for (const auto& row : rows)
      for (std::int64_t i = 0; i < length; ++i) v.push_back(row[static_cast<std::size_t>(i * 4 / length)]);
    const Tensor x = from_vector(v, {static_cast<std::int64_t>(rows.size()), length}, Device::reference, DType::f32);
    const Tensor turned = reference().transpose(x, {1, 0});
    for (std::int64_t r = 0; r < x.dim(0); ++r) {
      CAPTURE(r);
      const auto row_of = [&](const Tensor& t) { return reference().slice(t, {r, 0}, {1, length}); };
      const auto column_of = [&](const Tensor& t) { return reference().slice(t, {0, r}, {length, 1}); };
      check_close(on_device(row_of(to_reference(device::softmax(context(), on_device(x), 1)))),
                  row_of(reference().softmax(x, 1)));
      check_close(on_device(row_of(to_reference(device::log_softmax(context(), on_device(x), 1)))),
                  row_of(reference().log_softmax(x, 1)));
      check_close(on_device(column_of(to_reference(device::softmax(context(), on_device(turned), 0)))),
                  column_of(reference().softmax(turned, 0)));
      check_close(on_device(column_of(to_reference(device::log_softmax(context(), on_device(turned), 0)))),
                  column_of(reference().log_softmax(turned, 0)));
    }
  }
}

TEST_CASE("Softmax gives the same bits again") {
  const Tensor x = on_device(test::normal({3, 2200}, DType::f32, 53));
  CHECK(
      test::same_bits(to_reference(device::softmax(context(), x, 1)), to_reference(device::softmax(context(), x, 1))));
}

TEST_CASE("Softmax refuses what does not fit with a typed error") {
  const Tensor x = on_device(test::normal({3, 4}, DType::f32, 1)), y = on_device(test::normal({4, 3}, DType::f32, 1));
  const Tensor h = on_device(test::normal({3, 4}, DType::f16, 1)), d = on_device(test::normal({3, 4}, DType::f64, 1));
  CHECK_THROWS_AS(device::softmax(context(), x, 2), UsageError);
  CHECK_THROWS_AS(device::log_softmax(context(), x, -1), UsageError);
  CHECK_THROWS_AS(device::softmax(context(), d, 0), UsageError);
  CHECK_THROWS_AS(device::softmax_backward(context(), x, y, 0), UsageError);
  CHECK_THROWS_AS(device::log_softmax_backward(context(), x, h, 0), UsageError);
}

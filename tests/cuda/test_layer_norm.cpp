#include "kernels/cuda/layer_norm.h"

#include "tests/cuda/compare.h"

using namespace engine;
using test::check_close;
using test::context;
using test::on_device;
using test::reference;
using test::to_reference;

namespace device = test::device;

namespace {

struct Rows {
  Shape x;
  int axes;
};
// Rows of one, of less than a warp, of more than a block; many rows (shares of the column sums); maps.
const std::vector<Rows> rows = {{{5, 1}, 1},    {{3, 31}, 1},        {{2, 1031}, 1},       {{700, 33}, 1},
                                {{4, 7, 5}, 2}, {{2, 17, 5, 3}, 3},  {{2, 16, 9, 7}, 1},   {{6, 257}, 1},
                                {{0, 8}, 1}};

Shape tail(const Rows& r) {
  const auto& dims = r.x.dims();
  return Shape(std::vector<std::int64_t>(dims.end() - r.axes, dims.end()));
}

}  // namespace

TEST_CASE("Layer norm and its gradients equal the reference in every type and layout") {
  for (const DType type : test::floating)
    for (const Rows& r : rows)
      for (const bool last : {false, true}) {
        if (last && !device::has_channels_last(r.x)) continue;
        CAPTURE(name_of(type));
        CAPTURE(r.x.str());
        const Tensor x = test::normal(r.x, type, 60, 2.0), weight = test::normal(tail(r), type, 61);
        const Tensor bias = test::normal(tail(r), type, 62), dy = test::normal(r.x, type, 63);
        const LayerNormResult truth = reference().layer_norm(x, weight, bias, r.axes, 1e-5);
        const LayerNormResult found =
            device::layer_norm(context(), on_device(x, last), on_device(weight), on_device(bias), r.axes, 1e-5);
        check_close(found.y, truth.y);
        check_close(found.mean, truth.mean);
        check_close(found.inv_std, truth.inv_std);
        const LayerNormGrads expected =
            reference().layer_norm_backward(x, weight, truth.mean, truth.inv_std, dy, r.axes);
        const LayerNormGrads grads = device::layer_norm_backward(context(), on_device(x, last), on_device(weight),
                                                                 on_device(truth.mean), on_device(truth.inv_std),
                                                                 on_device(dy), r.axes);
        check_close(grads.dx, expected.dx);
        check_close(grads.dweight, expected.dweight);
        check_close(grads.dbias, expected.dbias);
      }
}

TEST_CASE("A large mean does not eat the variance") {
  std::vector<double> v(400);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = 4096.0 + static_cast<double>(i % 7) / 8.0;
  const Tensor x = from_vector(v, {1, 400}, Device::reference, DType::f32);
  const Tensor one = full({400}, 1.0, DType::f32, Device::reference), zero = full({400}, 0.0, DType::f32, Device::reference);
  check_close(device::layer_norm(context(), on_device(x), on_device(one), on_device(zero), 1, 1e-5).y,
              reference().layer_norm(x, one, zero, 1, 1e-5).y);
}

TEST_CASE("Layer norm refuses parameters of another shape") {
  const Tensor x = on_device(test::normal({4, 8}, DType::f32, 1)), w = on_device(test::normal({7}, DType::f32, 2));
  CHECK_THROWS_AS(device::layer_norm(context(), x, w, w, 1, 1e-5), UsageError);
  CHECK_THROWS_AS(device::layer_norm(context(), x, w, w, 3, 1e-5), UsageError);
}

#include "kernels/cuda/optimizers.h"

#include "tests/cuda/compare.h"

namespace {

// One element, less than a vector, a whole number of pieces, a piece and a rest, weights of a convolution, none.
const std::vector<Shape> parameters = {{1}, {7}, {4096}, {5001}, {19, 3, 3, 3}, {0}};

std::vector<OptimizerSlot> slots(DType type) {
  std::vector<OptimizerSlot> out;
  std::uint32_t seed = 50;
  for (const Shape& s : parameters) {
    OptimizerSlot slot;
    slot.param = test::normal(s, type, seed++);
    slot.grad = test::normal(s, type, seed++);
    slot.m = test::normal(s, type, seed++, 0.5);
    // Second moments are positive.
    slot.v = reference().mul(slot.m, slot.m);
    slot.lr_mult = static_cast<double>(out.size() + 1);
    slot.weight_decay = out.size() % 2 ? 0.1 : 0.0;
    out.push_back(slot);
  }
  return out;
}

// The same on the device; parameters or else their gradients in channels-last layout, where they have one.
std::vector<OptimizerSlot> slots_on_device(const std::vector<OptimizerSlot>& from, bool last = false) {
  std::vector<OptimizerSlot> out = from;
  for (OptimizerSlot& s : out) {
    const bool has = device::has_channels_last(s.grad.shape());
    for (Tensor* t : {&s.param, &s.m, &s.v}) *t = test::on_device(*t, has && last);
    s.grad = test::on_device(s.grad, has && !last);
  }
  return out;
}

UpdateNumbers now(Device device, std::int64_t count, double norm = 1.0) {
  return update_numbers(0.01, count, device, full({}, norm, DType::f32, device));
}

// f(slots, numbers) updates in place; both must agree in every array the operation uses.
template <class OnDevice, class OnReference>
void check_step(bool uses_m, bool uses_v, std::int64_t count, OnDevice&& step, OnReference&& truth) {
  test::device::register_cuda_backend();
  for (const auto& [type, last] : {std::pair(DType::f32, false), std::pair(DType::f32, true), std::pair(DType::f16, false),
                                   std::pair(DType::bf16, true)}) {
    CAPTURE(name_of(type));
    CAPTURE(last);
    const std::vector<OptimizerSlot> expected = slots(type), found = slots_on_device(slots(type), last);
    const std::uint64_t version = found[0].param.storage()->version;
    step(found, now(context().device(), count));
    truth(expected, now(Device::reference, count));
    CHECK(found[0].param.storage()->version > version);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(i);
      check_close(found[i].param, expected[i].param);
      if (uses_m) check_close(found[i].m, expected[i].m);
      if (uses_v) check_close(found[i].v, expected[i].v);
    }
  }
}

}  // namespace

TEST_CASE("sgd_ equals the reference: plain, momentum, Nesterov, dampening, first update") {
  for (const SgdParams& p : {SgdParams{}, SgdParams{0.9, 0.0, false}, SgdParams{0.9, 0.0, true}, SgdParams{0.9, 0.3, false}})
    for (const std::int64_t count : {1, 2}) {
      CAPTURE(p.momentum);
      CAPTURE(p.nesterov);
      CAPTURE(count);
      check_step(p.momentum != 0.0, false, count, [&](const auto& s, const auto& n) { device::sgd_(context(), s, p, n); },
                 [&](const auto& s, const auto& n) { reference().sgd_(s, p, n); });
    }
}

TEST_CASE("State in another layout than its parameter is refused") {
  test::device::register_cuda_backend();
  for (const bool last : {false, true}) {
    std::vector<OptimizerSlot> s = slots_on_device(slots(DType::f32), last);
    s[4].m = test::on_device(test::normal({19, 3, 3, 3}, DType::f32, 1), !last);
    CHECK_THROWS_WITH_AS(device::sgd_(context(), s, {0.9, 0.0, false}, now(context().device(), 2)),
                         doctest::Contains("another layout"), UsageError);
  }
}

TEST_CASE("The first update of sgd_ does not read its buffer") {
  test::device::register_cuda_backend();
  std::vector<OptimizerSlot> s = slots(DType::f32);
  for (OptimizerSlot& slot : s) reference().fill_(slot.m, std::numeric_limits<double>::quiet_NaN());
  const std::vector<OptimizerSlot> found = slots_on_device(s);
  device::sgd_(context(), found, {0.9, 0.0, false}, now(context().device(), 1));
  for (const OptimizerSlot& slot : found) CHECK(!reference().has_nonfinite(to_reference(slot.param)));
}

TEST_CASE("adam_ equals the reference, coupled and decoupled, early and late") {
  for (const bool decoupled : {false, true})
    for (const std::int64_t count : {1, 1000})
      for (const double eps : {1e-8, 0.1}) {  // a small one would not show where it is added
        const AdamParams p{0.9, 0.999, eps, decoupled};
        CAPTURE(decoupled);
        CAPTURE(count);
        CAPTURE(eps);
        check_step(true, true, count, [&](const auto& s, const auto& n) { device::adam_(context(), s, p, n); },
                   [&](const auto& s, const auto& n) { reference().adam_(s, p, n); });
      }
}

TEST_CASE("rmsprop_ equals the reference with and without momentum") {
  for (const double momentum : {0.0, 0.9})
    for (const double eps : {1e-8, 0.1}) {
      const RmspropParams p{0.99, eps, momentum};
      CAPTURE(momentum);
      CAPTURE(eps);
      check_step(momentum != 0.0, true, 3, [&](const auto& s, const auto& n) { device::rmsprop_(context(), s, p, n); },
                 [&](const auto& s, const auto& n) { reference().rmsprop_(s, p, n); });
    }
}

TEST_CASE("Where the norm is not finite an update changes nothing") {
  test::device::register_cuda_backend();
  for (const double norm : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    const std::vector<OptimizerSlot> before = slots(DType::f32), found = slots_on_device(before);
    const UpdateNumbers numbers = now(context().device(), 3, norm);
    device::sgd_(context(), found, {0.9, 0.0, false}, numbers);
    device::adam_(context(), found, {}, numbers);
    device::rmsprop_(context(), found, {0.99, 1e-8, 0.9}, numbers);
    for (const OptimizerSlot& s : found) device::ema_(context(), {s.param}, {s.grad}, 0.5, numbers.norm);
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(to_vector<float>(to_reference(found[i].param)) == to_vector<float>(before[i].param));
      CHECK(to_vector<float>(to_reference(found[i].m)) == to_vector<float>(before[i].m));
      CHECK(to_vector<float>(to_reference(found[i].v)) == to_vector<float>(before[i].v));
    }
  }
}

TEST_CASE("ema_ equals the reference") {
  for (const DType type : test::floating) {
    std::vector<Tensor> averages, values, found;
    std::vector<Tensor> device_values;
    for (const OptimizerSlot& s : slots(type)) {
      averages.push_back(s.param);
      values.push_back(s.grad);
      found.push_back(test::on_device(s.param));
      device_values.push_back(test::on_device(s.grad, device::has_channels_last(s.grad.shape())));
    }
    device::ema_(context(), found, device_values, 0.99, {});
    reference().ema_(averages, values, 0.99, {});
    for (std::size_t i = 0; i < found.size(); ++i) check_close(found[i], averages[i]);
    // Whatever an average held.
    test::device::register_cuda_backend();
    for (const Tensor& t : found) backend_of(context().device()).fill_(t, std::numeric_limits<double>::quiet_NaN());
    device::ema_(context(), found, device_values, 0.0, {});
    for (std::size_t i = 0; i < found.size(); ++i)
      CHECK(to_vector<float>(to_reference(found[i])) == to_vector<float>(values[i]));
  }
}

TEST_CASE("clip_grad_norm_ measures, and scales where the norm is too long") {
  for (const DType type : test::floating)
    for (const auto& [limit, scale] : {std::pair{std::numeric_limits<double>::infinity(), 1.0}, {1e6, 1.0}, {1.0, 1.0},
                                       {0.01, 1.0}, {std::numeric_limits<double>::infinity(), 8.0}, {1.0, 2.0}}) {
      CAPTURE(name_of(type));
      CAPTURE(scale);
      CAPTURE(limit);
      std::vector<Tensor> expected, found;
      for (const OptimizerSlot& s : slots(type)) {
        expected.push_back(s.grad);
        found.push_back(test::on_device(s.grad, device::has_channels_last(s.grad.shape())));
      }
      test::device::register_cuda_backend();
      const auto loss_scale = [&, scale = scale](Device on) { return scale == 1.0 ? Tensor{} : full({}, scale, DType::f32, on); };
      check_close(device::clip_grad_norm_(context(), found, limit, loss_scale(context().device())),
                  reference().clip_grad_norm_(expected, limit, loss_scale(Device::reference)));
      for (std::size_t i = 0; i < found.size(); ++i) check_close(found[i], expected[i]);
    }
  CHECK_THROWS_AS(device::clip_grad_norm_(context(), {}, 1.0, {}), UsageError);
}

TEST_CASE("A broken gradient shows in the norm and is not hidden by clipping") {
  std::vector<double> v(3000, 1.0);
  v[2500] = std::numeric_limits<double>::quiet_NaN();
  const Tensor g = test::on_device(from_vector(v, {3000}, Device::reference, DType::f32));
  CHECK(std::isnan(to_vector<double>(to_reference(device::clip_grad_norm_(context(), {g}, 1.0, {})))[0]));
  const auto left = to_vector<double>(to_reference(g));
  CHECK(std::isnan(left[2500]));
  CHECK(left[0] == 1.0);
}

TEST_CASE("Optimisers refuse shapes and types that do not fit") {
  std::vector<OptimizerSlot> s = slots_on_device(slots(DType::f32));
  s[1].grad = s[2].grad;
  CHECK_THROWS_AS(device::sgd_(context(), s, {}, now(context().device(), 1)), UsageError);
  s = slots_on_device(slots(DType::f32));
  s[3].param = slots_on_device(slots(DType::f16))[3].param;
  CHECK_THROWS_AS(device::adam_(context(), s, {}, now(context().device(), 1)), UsageError);
}

// What --check-backend compares: exact where both devices agree, and sees what is wrong with one of them.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "engine/train/backend_check.h"
#include "engine/train/evaluate.h"
#include "kernels/backend.h"
#include "tests/train/support.h"

using namespace engine;

TEST_CASE("A step is compared with the other device's: gradients that are wrong show, with their parameter") {
  test::register_backends();
  const test::TemporaryFolder folder;
  test::write_digits(folder.path() / "data", 64, 16);
  TrainConfig c = test::small_config(folder.path() / "data", folder.path() / "run");
  c.freeze = {"block1.bn"};
  const DataSplits data = open_data(c.data, data_options(c));
  std::string report;
  ModelSetup setup = make_setup(c, *data.train, nullptr, report);
  for (const std::string& regex : c.freeze) nn::set_trainable(*setup.model, regex, false);
  BackendCheck check(c, setup, *data.train, Device::reference);

  LoaderOptions o;
  o.batch_size = 8;
  o.workers = 0;
  BatchFeed feed(*data.train, setup.preparation, o, Device::cpu);
  feed.start_epoch(0);
  DeviceBatch batch;
  REQUIRE(feed.next(batch));
  const LossFunction loss_of(c, *data.train, Device::cpu);
  setup.model->set_training(true);
  double loss = 0;
  {
    Tape tape;
    const Variable mean = loss_of((*setup.model)(Variable(batch.images)), batch.target);
    tape.backward(mean);
    loss = scalar_value(mean.value());
  }
  const StepDifference good = check.compare(*setup.model, batch, loss, 1.0, 0);
  CHECK(good.loss < 1e-6);
  CHECK(good.gradients > 0.0);  // other sums
  CHECK(good.gradients < 1e-4);
  CHECK(good.within(step_tolerance(DType::f32, false)));

  const StepDifference off = check.compare(*setup.model, batch, 1.1 * loss, 1.0, 0);
  CHECK(std::abs(off.loss - 0.1) < 1e-5);
  CHECK_FALSE(off.within(step_tolerance(DType::f32, false)));

  // Gradients of a scaled loss are those of the loss, times the scale.
  for (nn::Parameter* p : setup.model->parameters())
    if (p->variable.grad().defined())
      p->variable.gradient()->value = backend_of(Device::cpu).scale(p->variable.grad(), 8.0);
  CHECK(check.compare(*setup.model, batch, loss, 8.0, 0).within(step_tolerance(DType::f32, false)));
  CHECK_FALSE(check.compare(*setup.model, batch, loss, 1.0, 0).within(step_tolerance(DType::f32, false)));
  for (nn::Parameter* p : setup.model->parameters())
    if (p->variable.grad().defined())
      p->variable.gradient()->value = backend_of(Device::cpu).scale(p->variable.grad(), 0.125);

  // One parameter of many, by a factor.
  nn::Parameter* wrong = nullptr;
  for (nn::Parameter* p : setup.model->parameters())
    if (p->trainable() && p->kind == nn::ParameterKind::conv_weight) wrong = p;
  REQUIRE(wrong);
  wrong->variable.gradient()->value = backend_of(Device::cpu).scale(wrong->variable.grad(), 1.5);
  const StepDifference scaled = check.compare(*setup.model, batch, loss, 1.0, 0);
  CHECK(std::abs(scaled.worst - 0.5) < 1e-3);
  CHECK(scaled.worst_parameter == wrong->name);
  CHECK_FALSE(scaled.within(step_tolerance(DType::f32, false)));

  // Small beside all the others, as a layer's is that a kernel got wrong.
  StepDifference layer;
  layer.gradients = 0.01;
  layer.worst = 1.0;  // it is missing
  for (const DType type : {DType::f32, DType::f16, DType::bf16})
    for (const bool tf32 : {false, true}) CHECK_FALSE(layer.within(step_tolerance(type, tf32)));
  layer.worst = 0.1;
  CHECK(layer.within(step_tolerance(DType::f32, false)));

  wrong->variable.gradient()->value = full(wrong->variable.shape(), std::nan(""), DType::f32, Device::cpu);
  const StepDifference nan = check.compare(*setup.model, batch, loss, 1.0, 0);
  CHECK(std::isnan(nan.worst));
  CHECK_FALSE(nan.within({1e9, 1e9}));
  wrong->variable.clear_grad();  // none has arrived
  CHECK_FALSE(check.compare(*setup.model, batch, loss, 1.0, 0).within({1e9, 1e9}));
}

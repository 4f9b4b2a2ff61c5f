// Optimisers, schedules, EMA. PyTorch's goldens run in test_goldens; here stand closed forms and the rest.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/optim/ema.h"
#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"
#include "kernels/backend.h"
#include "tests/train/support.h"

using namespace engine;

namespace {

nn::Parameter parameter(std::string name, nn::ParameterKind kind, std::vector<double> values) {
  const Shape shape{static_cast<std::int64_t>(values.size())};
  return {std::move(name), kind, Variable(from_vector(values, shape, Device::reference), true)};
}

void set_grad(nn::Parameter& p, std::vector<double> values) {
  p.variable.clear_grad();
  p.variable.gradient()->accumulate(from_vector(values, p.variable.shape(), Device::reference));
}

std::vector<double> values(const nn::Parameter& p) { return to_vector<double>(p.variable.value()); }

}  // namespace

TEST_CASE("SGD with momentum and decay follows the recurrence; norms and biases are not decayed unless asked") {
  test::register_backends();
  for (const bool decay_all : {false, true}) {
    nn::Parameter w = parameter("w", nn::ParameterKind::conv_weight, {1.0});
    nn::Parameter b = parameter("b", nn::ParameterKind::bias, {1.0});
    OptimizerOptions o;
    o.momentum = 0.9;
    o.weight_decay = 0.1;
    o.decay_norm_and_bias = decay_all;
    o.lr = 0.5;
    Optimizer optimizer({&w, &b}, o);
    double weight = 1.0, bias = 1.0, mw = 0.0, mb = 0.0;
    for (const double g : {0.3, -0.2, 0.7}) {
      set_grad(w, {g}), set_grad(b, {g});
      optimizer.step();
      mw = 0.9 * mw + g + 0.1 * weight;
      mb = 0.9 * mb + g + (decay_all ? 0.1 * bias : 0.0);
      weight -= 0.5 * mw;
      bias -= 0.5 * mb;
      CHECK(values(w)[0] == doctest::Approx(weight).epsilon(1e-12));
      CHECK(values(b)[0] == doctest::Approx(bias).epsilon(1e-12));
    }
    CHECK(optimizer.steps() == 3);
  }
}

TEST_CASE("The first Adam step moves every weight by lr, whatever the gradient's size") {
  test::register_backends();
  nn::Parameter w = parameter("w", nn::ParameterKind::conv_weight, {0.0, 0.0, 0.0});
  OptimizerOptions o;
  o.kind = OptimizerKind::adam;
  o.lr = 0.01;
  o.eps = 0.0;
  Optimizer optimizer({&w}, o);
  set_grad(w, {1e-3, -5.0, 1e4});
  optimizer.step();
  CHECK(values(w)[0] == doctest::Approx(-0.01).epsilon(1e-9));
  CHECK(values(w)[1] == doctest::Approx(0.01).epsilon(1e-9));
  CHECK(values(w)[2] == doctest::Approx(-0.01).epsilon(1e-9));
}

TEST_CASE("Groups: the last rule wins, a rule that matches nothing is an error, frozen parameters stay") {
  test::register_backends();
  nn::Parameter a = parameter("layer1.weight", nn::ParameterKind::conv_weight, {1.0});
  nn::Parameter b = parameter("fc.weight", nn::ParameterKind::linear_weight, {1.0});
  nn::Parameter frozen = parameter("stem.weight", nn::ParameterKind::conv_weight, {1.0});
  frozen.variable.set_requires_grad(false);
  OptimizerOptions o;
  o.lr = 1.0;
  o.groups = {{"weight", 0.5, std::nullopt}, {"^fc", 2.0, 0.25}};
  Optimizer optimizer({&a, &b, &frozen}, o);
  const auto plan = optimizer.plan();
  CHECK(plan[0].lr_mult == 0.5);
  CHECK(plan[1].lr_mult == 2.0);
  CHECK(plan[1].weight_decay == 0.25);
  CHECK_FALSE(plan[2].trainable);
  CHECK(optimizer.plan_table().find("stem.weight") != std::string::npos);
  set_grad(a, {1.0}), set_grad(b, {1.0});
  optimizer.step();
  CHECK(values(a)[0] == doctest::Approx(0.5));
  CHECK(values(b)[0] == doctest::Approx(1.0 - 2.0 * (1.0 + 0.25)));
  CHECK(values(frozen)[0] == 1.0);
  o.groups = {{"nothing", 1.0, std::nullopt}};
  CHECK_THROWS_AS(Optimizer({&a}, o), UsageError);
  CHECK_THROWS_AS(Optimizer({&frozen}, OptimizerOptions{}), UsageError);
  CHECK_THROWS_WITH_AS(parse_optimizer("adamww"), doctest::Contains("did you mean 'adamw'"), UsageError);
}

TEST_CASE("Moments have names and a copy of them continues to the same bits") {
  test::register_backends();
  nn::Parameter a = parameter("w", nn::ParameterKind::conv_weight, {1.0, 2.0}), b = a;
  b.variable = Variable(from_vector(std::vector<double>{1.0, 2.0}, {2}, Device::reference), true);
  OptimizerOptions o;
  o.kind = OptimizerKind::adamw;
  o.weight_decay = 0.1;
  Optimizer first({&a}, o), second({&b}, o);
  for (const double g : {0.1, 0.4}) set_grad(a, {g, -g}), first.step();
  const auto from = first.state(), to = second.state();
  REQUIRE(from.size() == 2);
  CHECK(from[0].name == "optim.m.w");
  CHECK(from[1].name == "optim.v.w");
  for (std::size_t i = 0; i < 2; ++i) backend_of(to[i].value).copy_(to[i].value, from[i].value);
  backend_of(to[0].value).copy_(b.variable.value(), a.variable.value());
  second.load_scalars(first.scalars());
  set_grad(a, {0.3, 0.3}), set_grad(b, {0.3, 0.3});
  first.step(), second.step();
  CHECK(values(a) == values(b));
}

TEST_CASE("Gradient clipping scales to the norm, and only measures with infinity") {
  test::register_backends();
  nn::Parameter a = parameter("a", nn::ParameterKind::conv_weight, {0.0});
  nn::Parameter b = parameter("b", nn::ParameterKind::bias, {0.0});
  set_grad(a, {3.0}), set_grad(b, {4.0});
  CHECK(scalar_value(clip_grad_norm({&a, &b}, std::numeric_limits<double>::infinity())) == doctest::Approx(5.0));
  CHECK(scalar_value(clip_grad_norm({&a, &b}, 1.0)) == doctest::Approx(5.0));
  CHECK(scalar_value(clip_grad_norm({&a, &b}, std::numeric_limits<double>::infinity())) == doctest::Approx(1.0).epsilon(1e-5));
}

TEST_CASE("Schedules begin with the warm-up and refuse nonsense") {
  ScheduleOptions o;
  o.kind = ScheduleKind::cosine;
  o.base_lr = 1.0;
  o.warmup_epochs = 2.0;
  o.warmup_start_factor = 0.0;
  o.t_max = 8.0;
  const Schedule cosine(o);
  CHECK(cosine.rate(0.0) == 0.0);
  CHECK(cosine.rate(1.0) == doctest::Approx(0.5));
  CHECK(cosine.rate(2.0) == doctest::Approx(1.0));
  CHECK(cosine.rate(6.0) == doctest::Approx(0.5));
  CHECK(cosine.rate(10.0) == doctest::Approx(0.0));
  CHECK(cosine.rate(12.0) == doctest::Approx(0.0));
  o.kind = ScheduleKind::multi_step;
  CHECK_THROWS_AS(Schedule{o}, UsageError);
  o.milestones = {5.0, 3.0};
  CHECK_THROWS_AS(Schedule{o}, UsageError);
  CHECK_THROWS_WITH_AS(parse_schedule("cosin"), doctest::Contains("did you mean 'cosine'"), UsageError);
}

TEST_CASE("Plateau falls after patience, keeps still while cooling, and its state carries over") {
  ScheduleOptions o;
  o.kind = ScheduleKind::plateau;
  o.base_lr = 1.0;
  o.factor = 0.5;
  o.patience = 1;
  o.threshold = 0.0;
  Schedule s(o);
  s.observe(0, 1.0);
  s.observe(1, 1.0);
  CHECK(s.rate(2) == 1.0);
  Schedule copy(o);
  copy.load_state(nlohmann::json::parse(s.state().dump()));
  for (Schedule* x : {&s, &copy}) {
    x->observe(2, 1.0);
    CHECK(x->rate(3) == 0.5);
    x->observe(3, 0.9);
    CHECK(x->rate(4) == 0.5);
  }
  CHECK(s.state() == copy.state());
  Schedule fresh(o);
  Schedule restored(o);
  restored.load_state(nlohmann::json::parse(fresh.state().dump()));
  restored.observe(0, 5.0);
  CHECK(restored.state()["best"] == 5.0);
}

TEST_CASE("EMA averages weights, copies buffers, and swaps in for an evaluation only") {
  test::register_backends();
  test::TinyNet model;
  model.to(Device::reference, DType::f64);
  nn::Parameter& w = *model.parameters()[0];
  nn::Buffer& mean = *model.buffers()[0];
  Backend& backend = backend_of(Device::reference);
  backend.fill_(w.variable.value(), 1.0);
  Ema ema(model, 0.9);
  backend.fill_(w.variable.value(), 2.0);
  backend.fill_(mean.value, 7.0);
  ema.update();
  {
    const Ema::SwapIn averaged(ema);
    CHECK(to_vector<double>(w.variable.value())[0] == doctest::Approx(1.1).epsilon(1e-12));
    CHECK(to_vector<double>(mean.value)[0] == 7.0);
  }
  CHECK(to_vector<double>(w.variable.value())[0] == 2.0);
  CHECK(ema.state()[0].name == "ema." + w.name);
  CHECK_THROWS_AS(Ema(model, 1.0), UsageError);
}

// Work that is written down and run again: the same bits as work that runs as it comes.
#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <map>

#include "engine/autograd/functions.h"
#include "engine/nn/init.h"
#include "engine/nn/layers.h"
#include "engine/optim/optimizer.h"
#include "engine/tensor/allocator.h"
#include "engine/train/training_step.h"
#include "kernels/cpu/cpu_backend.h"
#include "models/registry.h"
#include "tests/cuda/compare.h"

namespace {

Backend& backend() {
  if (!has_backend(context().device())) test::device::register_cuda_backend();
  return backend_of(context().device());
}

Tensor ramp(std::int64_t n, float first) {
  std::vector<float> v(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = first + static_cast<float>(i);
  return from_vector(v, {n}, backend().device());
}

}  // namespace

TEST_CASE("Recorded work runs when it is told to, as often as it is told to, on what its inputs hold then") {
  const Tensor x = ramp(37, 0.0f);
  Tensor y;
  const auto recording = backend().begin_recording();
  {
    const Tensor temporary = backend().scale(x, 2.0);
    y = backend().add(temporary, temporary);
  }
  recording->end();
  for (const float first : {1.0f, -5.0f}) {
    backend().copy_(x, ramp(37, first));
    recording->run(0);
    const auto values = to_vector<float>(y);
    CHECK(values[0] == 4.0f * first);
    CHECK(values[36] == 4.0f * (first + 36.0f));
  }
}

TEST_CASE("Memory of recorded work goes to nobody else while the recording lives") {
  const Tensor x = ramp(1000, 0.0f);
  Tensor y;
  auto recording = backend().begin_recording();
  { y = backend().scale(backend().scale(x, 3.0), 2.0); }
  recording->end();
  recording->run(0);
  // As large as the temporary: would take its place.
  const Tensor other = ramp(1000, 70.0f), another = ramp(1000, 80.0f);
  recording->run(0);
  CHECK(to_vector<float>(other)[999] == 1069.0f);
  CHECK(to_vector<float>(another)[999] == 1079.0f);
  CHECK(to_vector<float>(y)[999] == 6.0f * 999.0f);
}

TEST_CASE("What recorded work copies from the host is what was there when it was recorded") {
  Tensor y;
  const auto recording = backend().begin_recording();
  {
    std::vector<float> values(5000, 3.0f);
    y = backend().scale(from_vector(values, {5000}, backend().device()), 2.0);
    std::fill(values.begin(), values.end(), -1.0f);
  }
  recording->end();
  for (int i = 0; i < 2; ++i) {
    recording->run(0);
    CHECK(to_vector<float>(y)[4999] == 6.0f);
  }
}

TEST_CASE("Two recordings share their memory and run in turn") {
  const Tensor x = ramp(500, 1.0f);
  Tensor y[2];
  std::unique_ptr<Recording> recordings[2];
  for (int i = 0; i < 2; ++i) {
    recordings[i] = backend().begin_recording();
    y[i] = backend().scale(backend().scale(x, 2.0 + i), 10.0);
    recordings[i]->end();
  }
  for (int turn = 0; turn < 2; ++turn)
    for (int i = 0; i < 2; ++i) {
      recordings[i]->run(0);
      CHECK(to_vector<float>(y[i])[499] == (2.0f + static_cast<float>(i)) * 5000.0f);
    }
}

TEST_CASE("Recorded dropout draws as for the step it is run with") {
  const Tensor x = ramp(3001, 1.0f);
  RandomKey key(5, RandomStream::dropout);
  key.sample = 3;
  Tensor y;
  const auto recording = backend().begin_recording();
  y = backend().dropout(x, 0.4, key);
  recording->end();
  for (const std::uint32_t step : {0u, 7u, 4000000000u}) {
    key.step = step;
    recording->run(step);
    CHECK(to_vector<float>(y) == to_vector<float>(backend().dropout(x, 0.4, key)));
  }
}

TEST_CASE("Nobody can wait for work that is being recorded, nor record twice; afterwards everything is as before") {
  const Tensor x = ramp(5, 1.0f);
  {
    const auto recording = backend().begin_recording();
    CHECK_THROWS_AS(to_vector<float>(x), Error);
    CHECK_THROWS_AS(backend().begin_recording(), UsageError);
    CHECK_THROWS_AS(recording->run(0), UsageError);
  }
  CHECK(to_vector<float>(x)[4] == 5.0f);
}

namespace {

// They are built on device cpu.
void with_networks() {
  if (!has_backend(Device::cpu)) register_cpu_backend();
}

Variable cross_entropy(const Variable& scores, const Tensor& target) { return softmax_cross_entropy(scores, target); }

using Values = std::map<std::string, std::vector<float>>;

struct Run {
  DType precision = DType::f32;
  double loss_scale = 1.0;
  OptimizerKind optimizer = OptimizerKind::sgd;
  bool inspected = false;
};

void keep(Values& out, const std::string& name, const Tensor& t) {
  out[name] = to_vector<float>(t.dtype() == DType::f32 ? t : backend_of(t).cast(t, DType::f32));
}

// Weights, averages, moments and losses after steps whose batches and rates differ. One of them overflows.
Values train(nn::Module& model, std::int64_t side, const Run& run, bool record, bool& recorded) {
  nn::initialize(model, nn::Scheme::he_normal, 7);
  model.to(backend().device());
  model.set_training(true);
  OptimizerOptions options;
  options.kind = run.optimizer;
  options.momentum = 0.9;
  Optimizer optimizer(model.parameters(), options);
  Ema average(model, 0.75);
  Values out;
  TrainingStep::Options how{.precision = run.precision, .max_norm = 0.5, .record = record};
  int inspected = 0;
  if (run.inspected)
    how.inspect = [&](const TrainingStep::Result& r) {
      ++inspected;
      keep(out, fmt::format("loss seen {}", inspected), r.loss);
      for (const nn::Parameter* p : model.parameters())
        keep(out, fmt::format("gradient {} seen {}", p->name, inspected), p->variable.grad());
    };
  TrainingStep step(model, cross_entropy, optimizer, &average, how);
  recorded = false;
  for (std::uint32_t i = 0; i < 7; ++i) {
    nn::set_random_step(model, 11, i);
    optimizer.set_lr(0.005 / (1.0 + i));
    const std::int64_t n = i == 6 ? 2 : 3;  // the last batch is smaller
    const Shape shape{n, 3, side, side};
    Tensor images = to_device(test::normal(shape, DType::f32, 90 + i), backend().device());
    const bool overflows = i == 0 || i == 3;  // a recording may begin with weights that are rounded already
    if (overflows) images = backend().scale(images, std::numeric_limits<double>::infinity());
    std::vector<std::int64_t> classes{i % 3, 1, 2};
    classes.resize(static_cast<std::size_t>(n));
    const double scale = i > 3 && run.loss_scale > 1.0 ? run.loss_scale / 2.0 : run.loss_scale;  // as after an overflow
    const TrainingStep::Result r = step(images, from_vector(classes, {n}, backend().device()), scale, i);
    recorded = recorded || step.recorded();
    keep(out, fmt::format("loss {}", i), r.loss);
    keep(out, fmt::format("scores {}", i), r.scores);
    keep(out, fmt::format("norm {}", i), r.norm);
    CHECK(std::isfinite(scalar_value(r.norm)) == !overflows);
    if (!overflows) optimizer.did_step();
    for (const nn::Parameter* p : model.parameters()) {
      CHECK(!p->variable.grad().defined());
    }
    // Weights, averages and moments.
    if (i == 2 || i == 3) {
      std::vector<NamedTensor> all = average.state();
      for (const NamedTensor& t : optimizer.state()) all.push_back(t);
      for (const nn::Parameter* p : model.parameters()) all.push_back({p->name, p->variable.value()});
      for (const NamedTensor& t : all) {
        keep(out, fmt::format("{} after {}", t.name, i), t.value);
        if (i == 3) CHECK_MESSAGE(out.at(t.name + " after 3") == out.at(t.name + " after 2"), t.name);
      }
    }
    // What the overflow did to running statistics is not what is tested here.
    if (overflows)
      for (const nn::Buffer* b : model.buffers()) backend().fill_(b->value, 1.0);
    if (i == 4) step.forget();
  }
  CHECK(inspected == (run.inspected ? 7 : 0));
  for (const nn::Parameter* p : model.parameters()) {
    keep(out, p->name, p->variable.value());
  }
  for (const nn::Buffer* b : model.buffers()) keep(out, b->name, b->value);
  for (const NamedTensor& t : average.state()) keep(out, t.name, t.value);
  for (const NamedTensor& t : optimizer.state()) keep(out, t.name, t.value);
  return out;
}

// NaN equals NaN here: an overflow must show in both.
bool same_values(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](float x, float y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

void check_same_bits(const std::function<std::unique_ptr<nn::Module>()>& make, std::int64_t side, const Run& run) {
  with_networks();
  bool recorded = false;
  const auto one = make(), other = make();
  const Values truth = train(*one, side, run, false, recorded);
  CHECK(!recorded);
  const Values found = train(*other, side, run, true, recorded);
  CHECK(recorded);
  REQUIRE(found.size() == truth.size());
  for (const auto& [name, values] : truth) CHECK_MESSAGE(same_values(found.at(name), values), name);
}

std::unique_ptr<nn::Module> small_network() {
  auto net = std::make_unique<nn::Sequential>();
  net->append<nn::Conv2d>(3, 8, 3, 2, 1);
  net->append<nn::BatchNorm2d>(8);
  net->append<nn::Dropout>(0.3);
  net->append<nn::GlobalAvgPool>();
  net->append<nn::Dropout>(0.5);
  net->append<nn::Linear>(8, 3);
  return net;
}

}  // namespace

TEST_CASE("Recorded training steps give the same bits as others: dropout, f32 with Adam, f16 with RMSprop") {
  check_same_bits(small_network, 19, {.optimizer = OptimizerKind::adam});
  check_same_bits(small_network, 19, {DType::f16, 1024.0, OptimizerKind::rmsprop});
}

TEST_CASE("Recorded training steps that are inspected give the same bits, and show their gradients") {
  check_same_bits(small_network, 19, {.optimizer = OptimizerKind::adamw, .inspected = true});
  check_same_bits(small_network, 19, {.precision = DType::f16, .loss_scale = 1024.0, .inspected = true});
}

TEST_CASE("Recorded training steps give the same bits as others: gradients that meet, in a narrow ResNet-50") {
  check_same_bits([] { return models::make_model("resnet50", {3, 3, 4}); }, 17, {.precision = DType::bf16});
}

TEST_CASE("Where a recording finds no memory, training goes on without one: whole steps, and those in two parts") {
  with_networks();
  for (const bool inspected : {false, true}) {
    const auto model = small_network();
    model->to(backend().device());
    Optimizer optimizer(model->parameters(), {});
    TrainingStep::Options how{.record = true};
    if (inspected) how.inspect = [](const TrainingStep::Result&) {};
    TrainingStep training_step(*model, cross_entropy, optimizer, nullptr, how);
    CachingAllocator& memory = allocator_of(backend().device());
    const Tensor images = to_device(test::normal({2, 3, 35, 35}, DType::f32, 90), backend().device());
    const Tensor target = from_vector(std::vector<std::int64_t>{0, 2}, {2}, backend().device());
    for (int step = 0; step < 2; ++step) {
      CHECK(std::isfinite(scalar_value(training_step(images, target, 1.0, 0).loss)));
      CHECK(!training_step.recorded());
      memory.trim();
      memory.set_limit(memory.stats().reserved);  // the rests of segments that weights are in must do
    }
    memory.set_limit(0);
  }
}

// Modules: names, hooks, modes, freezing, moving.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "kernels/backend.h"
#include "models/registry.h"
#include "tests/nn/fixture.h"
#include "tests/nn/support.h"

using namespace engine;
using Strings = std::vector<std::string>;

namespace {

// A norm and what stands around it in a residual block.
class Residual final : public nn::Module {
 public:
  explicit Residual(std::int64_t channels)
      : bn_(add<nn::BatchNorm2d>("bn", channels)), conv_(add<nn::Conv2d>("conv", channels, channels, 3, 1, 1)) {
    nn::initialize(*this, nn::Scheme::he_normal, 3);
  }
  std::string describe() const override { return "Residual"; }

 protected:
  Variable forward(const Variable& x) override { return bn_.then_relu(conv_(x), x); }

 private:
  nn::BatchNorm2d& bn_;
  nn::Conv2d& conv_;
};

std::vector<double> values(nn::Module& m, const std::string& name) {
  for (const nn::Parameter* p : m.parameters())
    if (p->name == name) return to_vector<double>(p->variable.value());
  for (const nn::Buffer* b : m.buffers())
    if (b->name == name) return to_vector<double>(b->value);
  FAIL("no tensor " << name);
  return {};
}

nn::Parameter& parameter(nn::Module& m, const std::string& name) {
  for (nn::Parameter* p : m.parameters())
    if (p->name == name) return *p;
  throw UsageError("no parameter {}", name);
}

double worst(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]);
    if (!(d <= largest)) largest = std::isnan(d) ? INFINITY : d;
  }
  return largest;
}

}  // namespace

TEST_CASE("Names, order and shapes of parameters and buffers are torchvision's") {
  test::register_backends();
  const auto fixture = test::fixture("models.json").at("models");
  int checked = 0;
  for (const auto& [key, expected] : fixture.items()) {
    const std::string name = expected.at("model");
    bool known = false;
    for (const auto& info : models::model_list()) known = known || info.name == name;
    if (!known) continue;
    CAPTURE(key);
    const auto model = models::make_model(name, {expected.at("classes"), expected.at("input")[1]});
    Strings wanted, found;
    for (const auto& [parameter, entry] : expected.at("params").items())
      wanted.push_back(parameter + Shape(entry.at("shape").get<std::vector<std::int64_t>>()).str());
    for (const nn::Parameter* p : model->parameters()) found.push_back(p->name + p->variable.shape().str());
    CHECK(found == wanted);
    wanted.clear(), found.clear();
    for (const auto& [buffer, entry] : expected.at("buffers").items())
      wanted.push_back(buffer + Shape(entry.at("shape").get<std::vector<std::int64_t>>()).str());
    for (const nn::Buffer* b : model->buffers()) found.push_back(b->name + b->value.shape().str());
    CHECK(found == wanted);
    ++checked;
  }
  CHECK(checked == 8);  // five of the CBR family, resnet18, resnet50, resnet50 with 1000 classes
}

TEST_CASE("Paths follow the nesting, and find() goes where they lead") {
  test::register_backends();
  const auto model = models::make_model("resnet18", {5, 3});
  CHECK(model->path().empty());
  CHECK(model->find("") == model.get());
  nn::Module* conv = model->find("layer2.0.downsample.0");
  REQUIRE(conv);
  CHECK(conv->path() == "layer2.0.downsample.0");
  CHECK(conv->describe() == "Conv2d(64, 128, 1x1, stride 2x2)");
  CHECK(model->find("layer2.0.downsample.2") == nullptr);
  CHECK(model->find("layer2.0.down") == nullptr);

  nn::Sequential stack;
  stack.append<nn::Conv2d>(3, 7, 3);
  stack.append<nn::BatchNorm2d>(7);
  Strings names;
  for (const nn::Parameter* p : stack.parameters()) names.push_back(p->name);
  CHECK(names == Strings{"0.weight", "1.weight", "1.bias"});
}

TEST_CASE("A hook gets its module's path and output each time, until it goes") {
  test::register_backends();
  test::BlockNet net(2);
  net.set_training(false);
  const Variable x(test::noise({2, 3, 9, 7}, 1));
  Strings calls;
  Tensor inner, outer;
  const auto keep = [&](Tensor& to) {
    return [&](const std::string& path, const Variable& y) {
      calls.push_back(path + " " + y.shape().str());
      to = y.value();
    };
  };
  net.find("block2.drop")->add_hook(keep(inner));
  {
    const nn::ScopedHook scoped(*net.find("block2"), keep(outer));
    net(x);
  }
  // In evaluation dropout passes its input on: block and its last layer have the same output.
  CHECK(calls == Strings{"block2.drop [2, 12, 9, 7]", "block2 [2, 12, 9, 7]"});
  CHECK(inner.storage() == outer.storage());
  net(x);
  CHECK(calls.size() == 3);
  net.find("block2.drop")->clear_hooks();
  net(x);
  CHECK(calls.size() == 3);
}

TEST_CASE("A hook on a norm sees the norm alone; undoing the fusion changes neither result nor gradients") {
  test::register_backends();
  for (const Device device : {Device::reference, Device::cpu})
    for (const bool training : {true, false}) {
      CAPTURE(name_of(device));
      CAPTURE(training);
      const DType dtype = device == Device::cpu ? DType::f32 : DType::f64;
      const double tolerance = device == Device::cpu ? 2e-5 : 1e-12;
      Residual fused(11), seen(11);
      Tensor norm;
      const auto run = [&](Residual& m) {
        m.to(device, dtype);
        m.set_training(training);
        const Variable x(test::noise({3, 11, 5, 7}, 17, device, dtype), true);
        Tape tape;
        const Variable y = m(x);
        tape.backward(y, test::noise(y.shape(), 18, device, dtype));
        std::vector<std::vector<double>> all{test::numbers(y.value()), test::numbers(x.grad())};
        for (const nn::Parameter* p : m.parameters()) all.push_back(test::numbers(p->variable.grad()));
        for (const nn::Buffer* b : m.buffers()) all.push_back(test::numbers(b->value));
        return all;
      };
      seen.find("bn")->add_hook([&](const std::string&, const Variable& y) { norm = y.value(); });
      const auto a = run(fused), b = run(seen);
      REQUIRE(a.size() == b.size());
      for (std::size_t i = 0; i < a.size(); ++i) {
        CAPTURE(i);
        CHECK(worst(a[i], b[i]) <= tolerance);
      }
      // The output is relu(norm + x).
      const auto n = test::numbers(norm), x = test::numbers(test::noise({3, 11, 5, 7}, 17, device, dtype));
      std::vector<double> expected(n.size());
      bool negative = false;
      for (std::size_t i = 0; i < n.size(); ++i) {
        negative = negative || n[i] < 0.0;
        expected[i] = std::max(0.0, n[i] + x[i]);
      }
      CHECK(negative);  // it was not rectified
      CHECK(worst(b[0], expected) <= tolerance);
    }
}

TEST_CASE("set_training reaches every module below and nothing above") {
  test::register_backends();
  test::BlockNet net(3);
  net.find("block2")->set_training(false);
  CHECK(net.training());
  CHECK(net.find("block1.bn")->training());
  CHECK_FALSE(net.find("block2")->training());
  CHECK_FALSE(net.find("block2.drop")->training());
  net.set_training(false);
  for (nn::Module* m : net.modules()) CHECK_FALSE(m->training());
}

TEST_CASE("Evaluation uses running statistics and leaves them; training moves them by the momentum") {
  test::register_backends();
  nn::BatchNorm2d bn(1, 1e-5, 0.25);
  bn.to(Device::reference, DType::f64);
  nn::initialize(bn, nn::Scheme::he_normal, 1);
  const Variable x(test::doubles({1.0, 3.0, 5.0, 7.0}, {1, 1, 2, 2}));
  bn(x);
  // Batch mean 4, unbiased variance 20/3; momentum is the weight of the new batch.
  CHECK(values(bn, "running_mean")[0] == doctest::Approx(0.25 * 4.0).epsilon(1e-14));
  CHECK(values(bn, "running_var")[0] == doctest::Approx(0.75 + 0.25 * 20.0 / 3.0).epsilon(1e-14));
  const double mean = values(bn, "running_mean")[0], variance = values(bn, "running_var")[0];
  bn.set_training(false);
  const auto y = test::numbers(bn(x).value());
  CHECK(y[2] == doctest::Approx((5.0 - mean) / std::sqrt(variance + 1e-5)).epsilon(1e-14));
  CHECK(values(bn, "running_mean")[0] == mean);
}

TEST_CASE("Which statistics a norm uses and whether it is trainable are two switches") {
  test::register_backends();
  const Variable x(test::noise({4, 3, 6, 6}, 2));
  const auto step = [&](test::BlockNet& net) {
    nn::set_random_step(net, 1, 1);
    Tape tape;
    tape.backward(sum(net(x), {0, 1}));
  };
  test::BlockNet net(2);
  CHECK(nn::set_statistics(net, "block1", nn::Statistics::frozen) == 1);
  step(net);
  // Frozen statistics, trainable scale: the buffers stay, the gradient comes.
  CHECK(values(net, "block1.bn.running_mean") == std::vector<double>(12, 0.0));
  CHECK(values(net, "block2.bn.running_mean") != std::vector<double>(12, 0.0));
  CHECK(parameter(net, "block1.bn.weight").variable.grad().defined());
  CHECK(net.find("block1.bn")->describe() == "BatchNorm2d(12) frozen statistics");

  // Batch statistics, frozen scale: the buffers move, no gradient.
  test::BlockNet other(2);
  CHECK(nn::set_trainable(other, R"(bn\.)", false) == 4);
  step(other);
  CHECK(values(other, "block1.bn.running_mean") != std::vector<double>(12, 0.0));
  CHECK_FALSE(parameter(other, "block1.bn.weight").variable.grad().defined());
  CHECK(parameter(other, "block1.conv.weight").variable.grad().defined());

  // In training, frozen statistics normalise like evaluation.
  nn::BatchNorm2d& bn = dynamic_cast<nn::BatchNorm2d&>(*net.find("block1.bn"));
  const Variable map(test::noise({2, 12, 5, 5}, 4));
  const auto training = test::numbers(bn(map).value());
  bn.set_training(false);
  CHECK(test::numbers(bn(map).value()) == training);

  CHECK(nn::set_statistics(net, "", nn::Statistics::batch) == 2);
  CHECK_THROWS_WITH_AS(nn::set_statistics(net, "conv", nn::Statistics::frozen),
                       doctest::Contains("matches no batch norm"), UsageError);
  CHECK_THROWS_WITH_AS(nn::set_statistics(net, "(", nn::Statistics::frozen),
                       doctest::Contains("not a regular expression"), UsageError);
}

TEST_CASE("Freezing goes by expression; one that matches nothing is an error that shows a name") {
  test::register_backends();
  const auto model = models::make_model("resnet18", {5, 3});
  CHECK(nn::set_trainable(*model, "", false) == 62);
  CHECK(nn::set_trainable(*model, R"(^fc\.)", true) == 2);
  int trainable = 0;
  for (const nn::Parameter* p : model->parameters()) {
    CHECK(p->trainable() == p->name.starts_with("fc."));
    trainable += p->trainable();
  }
  CHECK(trainable == 2);
  CHECK_THROWS_WITH_AS(nn::set_trainable(*model, "layer9", false), doctest::Contains("names look like 'conv1.weight'"),
                       UsageError);
  CHECK_THROWS_WITH_AS(nn::set_trainable(*model, "layer[", false), doctest::Contains("not a regular expression"),
                       UsageError);
}

TEST_CASE("to() moves and converts parameters and buffers, keeps what is frozen and drops gradients") {
  test::register_backends();
  test::BlockNet net(2);
  net.set_training(false);
  nn::set_trainable(net, "fc", false);
  const Tensor picture = test::noise({2, 3, 9, 9}, 6);
  const auto single = test::numbers(net(Variable(picture)).value());
  {
    Tape tape;
    tape.backward(sum(net(Variable(picture)), {0, 1}));
  }
  CHECK(parameter(net, "block1.conv.weight").variable.grad().defined());
  net.to(Device::reference, DType::f64);
  for (const nn::Parameter* p : net.parameters()) {
    CHECK(p->variable.value().device() == Device::reference);
    CHECK(p->variable.value().dtype() == DType::f64);
    CHECK_FALSE(p->variable.grad().defined());
    CHECK(p->trainable() == !p->name.starts_with("fc"));
  }
  for (const nn::Buffer* b : net.buffers()) CHECK(b->value.dtype() == DType::f64);
  const Tensor there = backend_of(Device::reference).cast(to_device(picture, Device::reference), DType::f64);
  const auto twice = test::numbers(net(Variable(there)).value());
  CHECK(worst(single, twice) <= 1e-5);
  net.to(Device::cpu);  // f32 numbers come back as they were
  CHECK(test::numbers(net(Variable(picture)).value()) == single);
}

TEST_CASE("Dropout draws by seed, step and path: the same again, another elsewhere, none in evaluation") {
  test::register_backends();
  nn::Sequential net;
  net.append<nn::Dropout>(0.25);
  net.append<nn::Dropout>(0.25);
  const Tensor ones = full({1 << 16}, 1.0, DType::f32, Device::cpu);
  const auto drawn = [&](const char* layer, std::uint64_t seed, std::uint64_t step) {
    nn::set_random_step(net, seed, step);
    return to_vector<float>((*net.find(layer))(Variable(ones)).value());
  };
  const auto first = drawn("0", 42, 7);
  CHECK(drawn("0", 42, 7) == first);
  CHECK(drawn("1", 42, 7) != first);
  CHECK(drawn("0", 43, 7) != first);
  CHECK(drawn("0", 42, 8) != first);
  CHECK(drawn("0", 42, 7 + (std::uint64_t{1} << 32)) != first);
  double kept = 0.0;
  for (const float v : first) {
    CHECK_UNARY(v == 0.0f || v == static_cast<float>(1.0 / 0.75));
    kept += v != 0.0f;
  }
  CHECK(kept / static_cast<double>(first.size()) == doctest::Approx(0.75).epsilon(0.01));  // six standard deviations
  net.set_training(false);
  CHECK(drawn("0", 42, 7) == to_vector<float>(ones));
  for (const double p : {-0.1, 1.0, std::nan("")}) CHECK_THROWS_AS(nn::Dropout{p}, UsageError);
}

// Whole training steps of networks on the device beside device cpu: forward, backward and optimiser, in f32 and in
// mixed precision.
#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "bench/away_from_corner.h"
#include "engine/autograd/tape.h"
#include "engine/nn/init.h"
#include "engine/optim/optimizer.h"
#include "kernels/cpu/cpu_backend.h"
#include "models/registry.h"
#include "tests/cuda/compare.h"

namespace {

struct Step {
  double loss = 0;
  std::map<std::string, std::vector<double>> gradients, weights, buffers;
};

struct Network {
  const char* name;
  models::ModelOptions options;
  std::int64_t batch, side;
};

// Where batch norms put what ReLU gets.
enum class Start {
  usual,            // around ReLU's corner
  away_from_corner  // six deviations from it, on the side that the channel says
};

void put(nn::Module& model, Start start) {
  if (start == Start::away_from_corner) return bench::start_away_from_corner(model);
  // Branches that begin small, as networks this deep are commonly started (Goyal et al. 2017): with the usual ones,
  // roundings of the first layers grow a hundredfold until the last.
  for (nn::Parameter* p : model.parameters())
    if (p->name.ends_with("bn3.weight")) backend_of(Device::cpu).fill_(p->variable.value(), 0.1);
}

// Two steps, so that momentum counts; the gradients are those of the first.
Step train(const Network& network, Start start, Device on, DType precision, double loss_scale) {
  auto model = models::make_model(network.name, network.options);
  nn::initialize(*model, nn::Scheme::he_normal, 7);
  put(*model, start);
  model->to(on);
  OptimizerOptions options;
  options.lr = 0.005;
  options.momentum = 0.9;
  options.weight_decay = 1e-4;
  Optimizer optimizer(model->parameters(), options);
  Backend& backend = backend_of(on);
  const std::int64_t n = network.batch;
  const auto pixels = to_vector<float>(test::normal({n, network.options.channels, network.side, network.side},
                                                    DType::f32, 90));
  std::vector<std::int64_t> classes;
  for (std::int64_t i = 0; i < n; ++i) classes.push_back(i % network.options.classes);
  Step out;
  for (int i = 0; i < 2; ++i) {
    Tensor x = from_vector(pixels, {n, network.options.channels, network.side, network.side}, on);
    if (precision != DType::f32) x = backend.cast(x, precision);
    Tape tape;
    const Variable scores = cast((*model)(Variable(x)), DType::f32);
    const Variable loss = softmax_cross_entropy(scores, from_vector(classes, {n}, on), {}, {});
    tape.backward(loss, full(loss.shape(), loss_scale, DType::f32, on));
    clip_grad_norm(model->parameters(), std::numeric_limits<double>::infinity(), full({}, loss_scale, DType::f32, on));
    if (i == 0) {
      out.loss = scalar_value(loss.value());
      for (const nn::Parameter* p : model->parameters()) out.gradients[p->name] = to_vector<double>(p->variable.grad());
    }
    optimizer.step();
    optimizer.clear_grads();
  }
  for (const nn::Parameter* p : model->parameters()) {
    CHECK(p->variable.value().dtype() == DType::f32);
    out.weights[p->name] = to_vector<double>(p->variable.value());
  }
  for (const nn::Buffer* b : model->buffers()) out.buffers[b->name] = to_vector<double>(b->value);
  return out;
}

// Relative L2 distance of all tensors together.
double distance(const std::map<std::string, std::vector<double>>& found,
                const std::map<std::string, std::vector<double>>& truth) {
  REQUIRE(found.size() == truth.size());
  double error = 0, norm = 0;
  for (const auto& [name, values] : truth) {
    const auto& other = found.at(name);
    REQUIRE(other.size() == values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      error += (other[i] - values[i]) * (other[i] - values[i]);
      norm += values[i] * values[i];
    }
  }
  return std::sqrt(error / norm);
}

struct Distances {
  double loss, gradients, weights, buffers;
  bool within(const Distances& bound) const {
    return loss <= bound.loss && gradients <= bound.gradients && weights <= bound.weights && buffers <= bound.buffers;
  }
  std::string str() const {
    return fmt::format("loss {:.2g}, gradients {:.2g}, weights {:.2g}, buffers {:.2g}", loss, gradients, weights,
                       buffers);
  }
};

Distances between(const Step& found, const Step& truth) {
  return {std::fabs(found.loss - truth.loss) / truth.loss, distance(found.gradients, truth.gradients),
          distance(found.weights, truth.weights), distance(found.buffers, truth.buffers)};
}

void register_all() {
  if (!has_backend(Device::cpu)) register_cpu_backend();
  test::reference();
  test::device::register_cuda_backend();
}

void check_f32(const Network& network) {
  register_all();
  const Distances d = between(train(network, Start::away_from_corner, context().device(), DType::f32, 1.0),
                              train(network, Start::away_from_corner, Device::cpu, DType::f32, 1.0));
  const std::string found = fmt::format("{} f32: {}", network.name, d.str());
  MESSAGE(found);
  CHECK(d.within({1e-5, 1e-4, 1e-6, 1e-5}));
  // From the usual start single values may pass the corner on one device only.
  const Distances usual = between(train(network, Start::usual, context().device(), DType::f32, 1.0),
                                  train(network, Start::usual, Device::cpu, DType::f32, 1.0));
  const std::string found_usual = fmt::format("{} f32, usual start: {}", network.name, usual.str());
  MESSAGE(found_usual);
  CHECK(usual.within({1e-5, 0.03, 1e-4, 1e-4}));
}

// 16 bits move values across ReLU's corner, so gradients are some per cent off whoever computes them. The reference,
// which computes in double and rounds what it stores, shows how far is honest.
void check_mixed(const Network& network, DType precision, double loss_scale) {
  register_all();
  const Step truth = train(network, Start::usual, Device::cpu, DType::f32, 1.0);
  const Distances d = between(train(network, Start::usual, context().device(), precision, loss_scale), truth);
  const Distances honest = between(train(network, Start::usual, Device::reference, precision, loss_scale), truth);
  const std::string found =
      fmt::format("{} {}: {}; reference: {}", network.name, name_of(precision), d.str(), honest.str());
  MESSAGE(found);
  CHECK(honest.gradients < (precision == DType::f16 ? 0.15 : 0.5));
  CHECK(d.within({2.0 * honest.loss + 1e-3, 1.5 * honest.gradients, 1.5 * honest.weights, 1.5 * honest.buffers}));
}

const Network tiny{"cbr_tiny_1m", {3, 3}, 3, 35};
// An eighth of ResNet-50's channels: every kind of layer the full one has.
const Network narrow{"resnet50", {5, 3, 8}, 4, 64};

}  // namespace

TEST_CASE("Training steps of cbr_tiny_1m equal those of device cpu") { check_f32(tiny); }
TEST_CASE("Training steps of a narrow ResNet-50 equal those of device cpu") { check_f32(narrow); }
TEST_CASE("Training steps in mixed precision are as close to f32 as the reference's") {
  for (const Network& network : {tiny, narrow}) {
    check_mixed(network, DType::f16, 1024.0);
    check_mixed(network, DType::bf16, 1.0);
  }
}

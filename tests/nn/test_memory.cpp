// Memory during backward, and recomputation: less of it, the same bits.
#include <doctest/doctest.h>

#include <cstring>

#include "engine/tensor/allocator.h"
#include "kernels/backend.h"
#include "models/registry.h"
#include "tests/nn/support.h"

using namespace engine;

namespace {

constexpr std::int64_t elements = 1024;  // of a value in the chains below: 8 KiB, which the allocator splits exactly
constexpr std::size_t value_bytes = elements * sizeof(double);

std::size_t bytes_in_use() { return host_allocator().stats().current; }

// What is in use whenever `op` is about to run.
class MemoryBefore final : public OpObserver {
 public:
  explicit MemoryBefore(std::string_view op) : op_(op) {}
  void before(Backend&, std::string_view op) override {
    if (op == op_) seen.push_back(bytes_in_use());
  }
  void after(Backend&, std::string_view, const std::function<void(const TensorVisitor&)>&) override {}
  std::vector<std::size_t> seen;

 private:
  std::string_view op_;
};

Variable rectified(Variable x, int times) {
  for (int i = 0; i < times; ++i) x = relu(x);
  return x;
}

// The bits of every gradient and buffer after one step, and the step's peak of memory.
struct Outcome {
  std::vector<std::vector<float>> gradients, buffers;
  std::vector<float> logits;
  std::size_t peak = 0;
};

Outcome step(nn::Module& model, const Shape& input) {
  const Tensor images = test::noise(input, 5);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(input[0]));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 5);
  const Tensor target = from_vector(labels, {input[0]}, Device::cpu);
  nn::set_random_step(model, 7, 3);
  Outcome o;
  host_allocator().reset_peak();
  const std::size_t before = bytes_in_use();
  {
    Tape tape;
    const Variable logits = model(Variable(images));
    tape.backward(softmax_cross_entropy(logits, target));
    o.logits = to_vector<float>(logits.value());
  }
  o.peak = host_allocator().stats().peak - before;
  for (nn::Parameter* p : model.parameters()) {
    o.gradients.push_back(p->variable.grad().defined() ? to_vector<float>(p->variable.grad()) : std::vector<float>());
    p->variable.clear_grad();
  }
  for (const nn::Buffer* b : model.buffers()) o.buffers.push_back(to_vector<float>(b->value));
  return o;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_same_bits(const Outcome& a, const Outcome& b) {
  CHECK(same_bits(a.logits, b.logits));
  REQUIRE(a.gradients.size() == b.gradients.size());
  for (std::size_t i = 0; i < a.gradients.size(); ++i) {
    CAPTURE(i);
    CHECK_FALSE(a.gradients[i].empty());
    CHECK(same_bits(a.gradients[i], b.gradients[i]));
  }
  REQUIRE(a.buffers.size() == b.buffers.size());
  for (std::size_t i = 0; i < a.buffers.size(); ++i) CHECK(same_bits(a.buffers[i], b.buffers[i]));
}

}  // namespace

TEST_CASE("Memory falls while backward runs: each note gives back the value it held") {
  test::register_backends();
  constexpr int depth = 9;
  const Variable x(test::noise({elements}, 1, Device::reference, DType::f64), true);
  const std::size_t baseline = bytes_in_use();
  MemoryBefore watch("activation_backward");
  {
    Tape tape;
    Variable loss = sum(rectified(x, depth), {0});
    // Each ReLU keeps its input; the first one's is x itself. The last output fed the sum, which keeps no numbers.
    CHECK(bytes_in_use() - baseline == (depth - 1) * value_bytes + 64);
    const ObserveOps observing(watch);
    tape.backward(loss);
  }
  REQUIRE(watch.seen.size() == depth);
  for (std::size_t i = 1; i < watch.seen.size(); ++i) CHECK(watch.seen[i - 1] - watch.seen[i] == value_bytes);
  CHECK(bytes_in_use() - baseline == value_bytes);  // the gradient of x
}

TEST_CASE("A value nobody's gradient needs dies with its variable") {
  test::register_backends();
  const Variable x(test::noise({elements}, 1, Device::reference, DType::f64), true);
  const std::size_t baseline = bytes_in_use();
  Tape tape;
  Variable y = x;
  for (int i = 0; i < 5; ++i) y = add(scale(y, 2.0), x);
  CHECK(tape.size() == 10);
  CHECK(bytes_in_use() - baseline == value_bytes);  // y alone
}

TEST_CASE("Recomputation keeps a block's input only: the peak falls as Chen et al. say") {
  test::register_backends();
  constexpr int blocks = 7, length = 5;
  const Variable x(test::noise({elements}, 1, Device::reference, DType::f64), true);
  const auto peak = [&](bool recomputed) {
    const std::size_t baseline = bytes_in_use();
    host_allocator().reset_peak();
    Tape tape;
    Variable y = x;
    const auto block = [](const Variable& v) { return rectified(v, length); };
    for (int i = 0; i < blocks; ++i) y = recomputed ? recompute(block, y) : block(y);
    const Variable loss = sum(y, {0});
    y = {};
    tape.backward(loss);
    return (host_allocator().stats().peak - baseline) / value_bytes;
  };
  // Kept values, one or two gradients, and the sum's scalar; the first call also makes the gradient of x.
  const std::size_t whole = peak(false), recomputed = peak(true);
  CHECK(whole >= blocks * length - 1);
  CHECK(whole <= blocks * length + 3);
  CHECK(recomputed >= blocks + length - 1);
  CHECK(recomputed <= blocks + length + 3);
}

TEST_CASE("Recomputed gradients, logits and running statistics are the same bits, dropout and norms included") {
  test::register_backends(2);
  test::BlockNet plain(4), again(4);
  again.recomputed = true;
  const Shape input{3, 3, 33, 31};
  step(plain, input), step(again, input);  // plans and reordered weights are cached now; the statistics have moved
  const Outcome a = step(plain, input), b = step(again, input);
  check_same_bits(a, b);
  CHECK(b.peak < a.peak);
  CHECK_FALSE(recomputing());
}

TEST_CASE("Recomputation inside recomputation is the same bits too") {
  test::register_backends();
  test::BlockNet plain(3), again(3);
  again.recomputed = true;
  const auto bits = [](nn::Module& net, bool outer) {
    const Variable x(test::noise({2, 3, 9, 7}, 3));
    nn::set_random_step(net, 7, 1);
    Tape tape;
    const auto run = [&](const Variable& v) { return net(v); };
    const Variable y = outer ? recompute(run, x) : net(x);
    tape.backward(sum(mul(y, y), {0, 1}));
    std::vector<std::vector<float>> all;
    for (nn::Parameter* p : net.parameters()) all.push_back(to_vector<float>(p->variable.grad()));
    for (const nn::Buffer* b : net.buffers()) all.push_back(to_vector<float>(b->value));
    return all;
  };
  CHECK(bits(plain, false) == bits(again, true));
}

TEST_CASE("The zoo's networks recompute their blocks to the same bits; where maps outweigh weights, in less memory") {
  test::register_backends();
  for (const auto& [name, side] : {std::pair{"cbr_tiny_1m", 65}, std::pair{"resnet18", 33}}) {
    CAPTURE(name);
    const auto plain = models::make_model(name, {5, 3}), again = models::make_model(name, {5, 3});
    nn::initialize(*plain, nn::Scheme::he_normal, 11);
    const auto from = plain->parameters(), to = again->parameters();
    for (std::size_t i = 0; i < from.size(); ++i)
      backend_of(Device::cpu).copy_(to[i]->variable.value(), from[i]->variable.value());
    again->set_recompute(true);
    const Shape input{3, 3, side, side};
    const Outcome a = step(*plain, input), b = step(*again, input);
    check_same_bits(a, b);
    if (side == 65) CHECK(b.peak < a.peak);
  }
}

TEST_CASE("A recomputed block that is frozen asks for nothing, runs once, and passes on what its input wants") {
  test::register_backends();
  test::BlockNet net(3);
  net.recomputed = true;
  const Variable image(test::noise({2, 3, 8, 8}, 9));
  nn::set_trainable(net, "^block[12]", false);
  int runs = 0;
  net.find("block1")->add_hook([&](const std::string&, const Variable& y) {
    ++runs;
    CHECK_FALSE(y.requires_grad());
  });
  nn::set_random_step(net, 1, 1);
  {
    Tape tape;
    const Variable y = net(image);
    tape.backward(sum(y, {0, 1}));
  }
  CHECK(runs == 1);
  for (const nn::Parameter* p : net.parameters()) {
    CAPTURE(p->name);
    CHECK(p->variable.grad().defined() == !(p->name.starts_with("block1") || p->name.starts_with("block2")));
  }
  // With an input that wants a gradient the frozen blocks do run again.
  const Variable wanted(image.value(), true);
  Tape tape;
  net.find("block1")->clear_hooks();
  tape.backward(sum(net(wanted), {0, 1}));
  CHECK(wanted.grad().defined());
}

TEST_CASE("A recomputed function may return its input, and runs plainly where no tape records") {
  test::register_backends();
  const Variable x = test::leaf({2.0, 3.0}, {2});
  int runs = 0;
  const auto same = [&](const Variable& v) {
    ++runs;
    return v;
  };
  CHECK(test::numbers(recompute(same, x).value()) == std::vector<double>{2.0, 3.0});
  CHECK(runs == 1);
  Tape tape;
  tape.backward(sum(mul(recompute(same, x), x), {0}));
  CHECK(test::numbers(x.grad()) == std::vector<double>{4.0, 6.0});
}

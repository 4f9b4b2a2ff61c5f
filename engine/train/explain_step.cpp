#include "engine/train/explain_step.h"

#include <ostream>

#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "kernels/backend.h"

namespace engine {
namespace {

Variable leaf(const std::vector<double>& values, const Shape& shape) {
  return Variable(from_vector(values, shape, Device::reference), true);
}

void print(std::ostream& out, const char* name, const Tensor& t) {
  out << fmt::format("{:<14}", name);
  for (double v : to_vector<double>(t)) out << fmt::format(" {:>9.6f}", v + 0.0);  // -0 reads as 0
  out << '\n';
}

}  // namespace

void explain_training_step(std::ostream& out) {
  constexpr double learning_rate = 0.1;
  const Variable x = leaf({1.0, -2.0}, {1, 2});
  const Variable w1 = leaf({0.5, -0.25, -0.5, 0.75}, {2, 2}), b1 = leaf({0.1, 0.2}, {2});
  const Variable w2 = leaf({1.0, 0.5, -1.0, 0.25}, {2, 2}), b2 = leaf({0.0, 0.0}, {2});
  const Tensor target = from_vector(std::vector<std::int64_t>{1}, {1}, Device::reference);

  out << "forward\n";
  Tape tape;
  const Variable a = linear(x, w1, b1);
  const Variable h = relu(a);
  const Variable z = linear(h, w2, b2);
  const Variable loss = softmax_cross_entropy(z, target);
  Variable(a).retain_grad(), Variable(h).retain_grad(), Variable(z).retain_grad();
  print(out, "x", x.value());
  print(out, "W1", w1.value());
  print(out, "b1", b1.value());
  print(out, "W2", w2.value());
  print(out, "b2", b2.value());
  print(out, "a = x W1' + b1", a.value());
  print(out, "h = relu(a)", h.value());
  print(out, "z = h W2' + b2", z.value());
  print(out, "softmax(z)", backend_of(z.value()).softmax(z.value(), 1));
  print(out, "loss", loss.value());
  out << fmt::format("notes on the tape: {}\n", tape.size());

  tape.backward(loss);
  out << "\nbackward\n";
  print(out, "dz", z.grad());
  print(out, "dW2", w2.grad());
  print(out, "db2", b2.grad());
  print(out, "dh", h.grad());
  print(out, "da", a.grad());
  print(out, "dW1", w1.grad());
  print(out, "db1", b1.grad());
  print(out, "dx", x.grad());
  out << fmt::format("notes on the tape: {}\n", tape.size());

  std::vector<OptimizerSlot> slots;
  for (const Variable* p : {&w1, &b1, &w2, &b2}) slots.push_back({p->value(), p->grad(), {}, {}});
  backend_of(x.value()).sgd_(slots, {}, update_numbers(learning_rate, 1, x.value().device()));
  out << fmt::format("\nSGD, learning rate {}\n", learning_rate);
  print(out, "W1", w1.value());
  print(out, "b1", b1.value());
  print(out, "W2", w2.value());
  print(out, "b2", b2.value());
}

}  // namespace engine

// The tape: how gradients flow, accumulate and end. Every number is worked out by hand; the operations' own gradients
// are checked by their conformance cases.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/optim/optimizer.h"
#include "kernels/backend.h"
#include "tests/nn/support.h"

using namespace engine;
using test::leaf;
using test::numbers;
using Numbers = std::vector<double>;

namespace {

Tensor singles(const Numbers& values, Device device) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())}, device, DType::f32);
}

}  // namespace

TEST_CASE("A newcomer's chain has the gradients one works out by hand") {
  test::register_backends();
  const Variable a = leaf({2.0, -3.0}, {2}), b = leaf({4.0, 5.0}, {2});
  Tape tape;
  // loss = sum relu(a b + a); a b + a = [10, -18]: only the first passes, with slopes b + 1 and a.
  const Variable loss = sum(relu(add(mul(a, b), a)), {0});
  CHECK(scalar_value(loss.value()) == 10.0);
  CHECK(tape.size() == 4);
  tape.backward(loss);
  CHECK(numbers(a.grad()) == Numbers{5.0, 0.0});
  CHECK(numbers(b.grad()) == Numbers{2.0, 0.0});
  CHECK(tape.size() == 0);
}

TEST_CASE("A cast computes in the other type and gives its gradient in its own") {
  test::register_backends();
  // 2049 has no place in f16: it rounds to 2048.
  const Variable x(singles({2049.0, -1.5}, Device::reference), true);
  Tape tape;
  CHECK(cast(x, DType::f32).value().raw() == x.value().raw());
  CHECK(tape.size() == 0);
  const Variable y = cast(x, DType::f16);
  CHECK(y.value().dtype() == DType::f16);
  CHECK(to_vector<double>(y.value()) == Numbers{2048.0, -1.5});
  const Variable z = mul(y, y);
  tape.backward(z, from_vector(Numbers{0.125, 1.0}, {2}, Device::reference, DType::f16));
  CHECK(x.grad().dtype() == DType::f32);
  CHECK(to_vector<double>(x.grad()) == Numbers{512.0, -3.0});
}

TEST_CASE("A value used several times collects the gradient of every use") {
  test::register_backends();
  const Variable x = leaf({3.0}, {1});
  Tape tape;
  // y = x^2, z = y y + 2 y + y = x^4 + 3 x^2: z' = 4 x^3 + 6 x = 126.
  const Variable y = mul(x, x);
  const Variable z = add(add(mul(y, y), scale(y, 2.0)), y);
  tape.backward(z);
  CHECK(numbers(x.grad()) == Numbers{126.0});
}

TEST_CASE("Both sides of an addition own their gradient: more for one leaves the other and the cotangent alone") {
  test::register_backends();
  for (const Device device : {Device::reference, Device::cpu}) {
    CAPTURE(name_of(device));
    const Variable a(singles({1.0, 2.0}, device), true), b(singles({3.0, 4.0}, device), true);
    const Tensor seed = singles({1.0, 10.0}, device);
    Tape tape;
    // The note of the sum is read first and may give one tensor to both; scale's comes later and adds to a alone.
    const Variable five_a = scale(a, 5.0);
    Variable both = add(a, b);
    both.retain_grad();
    tape.backward(add(both, five_a), seed);
    CHECK(numbers(b.grad()) == Numbers{1.0, 10.0});
    CHECK(numbers(a.grad()) == Numbers{6.0, 60.0});
    CHECK(numbers(both.grad()) == Numbers{1.0, 10.0});
    CHECK(numbers(seed) == Numbers{1.0, 10.0});
    // A second pass adds in place where the gradient is the leaf's own.
    tape.backward(add(a, a), seed);
    CHECK(numbers(a.grad()) == Numbers{8.0, 80.0});
    CHECK(numbers(b.grad()) == Numbers{1.0, 10.0});
    CHECK(numbers(seed) == Numbers{1.0, 10.0});
  }
}

TEST_CASE("What two or three users of a batch norm's result send back arrives as their sum") {
  test::register_backends();
  const Shape shape{3, 2, 5, 4}, channels{2};
  for (const Device device : {Device::reference, Device::cpu})
    for (const bool relu : {false, true})
      for (const bool residual : {false, true})
        for (const std::vector<double>& users : {std::vector{2.0, 3.0}, std::vector{1.0, 0.5, 4.0}}) {
          CAPTURE(name_of(device));
          CAPTURE(relu);
          CAPTURE(residual);
          CAPTURE(users.size());
          // The gradients of x, residual, weight and bias where `factors` use the result.
          const auto gradients = [&](const std::vector<double>& factors, bool retain) {
            const Variable x(test::noise(shape, 1, device), true), w(test::noise(channels, 2, device), true),
                b(test::noise(channels, 3, device), true),
                r = residual ? Variable(test::noise(shape, 4, device), true) : Variable();
            Tape tape;
            BatchNormParams p;
            p.relu = relu;
            Variable y = batch_norm_train(x, r, w, b, {}, p);
            if (retain) y.retain_grad();
            Variable sum = scale(y, factors[0]);
            for (std::size_t i = 1; i < factors.size(); ++i) sum = add(sum, scale(y, factors[i]));
            tape.backward(sum, test::noise(shape, 5, device));
            std::vector<Tensor> all{x.grad(), w.grad(), b.grad()};
            if (residual) all.push_back(r.grad());
            if (retain) all.push_back(y.grad());
            return all;
          };
          double together = 0.0;
          for (const double f : users) together += f;
          for (const bool retain : {false, true}) {
            const auto found = gradients(users, retain), expected = gradients({together}, retain);
            for (std::size_t i = 0; i < found.size(); ++i) {
              CAPTURE(i);
              const Numbers f = numbers(found[i]), e = numbers(expected[i]);
              for (std::size_t k = 0; k < f.size(); ++k)
                CHECK(f[k] == doctest::Approx(e[k]).epsilon(1e-5).scale(1.0));
            }
          }
        }
}

TEST_CASE("Two parameters that were added may share their gradient's memory; clipping still scales each once") {
  test::register_backends();
  const auto parameter = [](const char* name) {
    return nn::Parameter{name, nn::ParameterKind::bias, Variable(singles({1.0, 2.0}, Device::cpu), true)};
  };
  nn::Parameter a = parameter("a"), b = parameter("b");
  const Tensor seed = singles({3.0, 4.0}, Device::cpu);
  Tape tape;
  tape.backward(add(a.variable, b.variable), seed);
  REQUIRE(a.variable.grad().storage() == b.variable.grad().storage());
  // The joint norm is sqrt(25 + 25); scaled to 1, each element shrinks by it.
  CHECK(scalar_value(clip_grad_norm({&a, &b}, 1.0)) == doctest::Approx(std::sqrt(50.0)));
  for (const nn::Parameter* p : {&a, &b}) {
    CHECK(numbers(p->variable.grad())[0] == doctest::Approx(3.0 / std::sqrt(50.0)).epsilon(1e-6));
    CHECK(numbers(p->variable.grad())[1] == doctest::Approx(4.0 / std::sqrt(50.0)).epsilon(1e-6));
  }
  CHECK(numbers(seed) == Numbers{3.0, 4.0});
}

TEST_CASE("Leaves add up over backward passes until they are cleared; intermediates forget") {
  test::register_backends();
  Variable w = leaf({2.0}, {1});
  Variable middle;
  for (int pass = 0; pass < 3; ++pass) {
    Tape tape;
    middle = mul(w, w);
    tape.backward(scale(middle, 0.5));
  }
  CHECK(numbers(w.grad()) == Numbers{6.0});
  CHECK_FALSE(middle.grad().defined());
  w.clear_grad();
  CHECK_FALSE(w.grad().defined());
  Tape tape;
  tape.backward(w);  // a leaf is its own root
  CHECK(numbers(w.grad()) == Numbers{1.0});
}

TEST_CASE("A root that is no scalar takes a seed, which weighs its elements; without one it is refused") {
  test::register_backends();
  const Variable x = leaf({1.0, 2.0, 3.0}, {3});
  Tape tape;
  const Variable y = mul(x, x);
  CHECK_THROWS_WITH_AS(tape.backward(y), doctest::Contains("f64[3] reference needs a seed"), UsageError);
  tape.backward(y, test::doubles({1.0, -1.0, 0.5}, {3}));
  CHECK(numbers(x.grad()) == Numbers{2.0, -4.0, 3.0});
}

TEST_CASE("Without a tape, under NoGrad and for constants nothing is written down") {
  test::register_backends();
  const Variable x = leaf({1.0, 2.0}, {2}), constant(test::doubles({5.0, 6.0}, {2}));
  CHECK_FALSE(mul(x, x).requires_grad());
  Tape tape;
  CHECK_FALSE(mul(constant, constant).requires_grad());
  Variable hidden;
  {
    const NoGrad no_notes;
    CHECK(Tape::current() == nullptr);
    hidden = mul(x, x);
  }
  CHECK(Tape::current() == &tape);
  CHECK_FALSE(hidden.requires_grad());
  CHECK(tape.size() == 0);
  // A value made under NoGrad is a constant from then on: d(x * x0^2)/dx = x0^2.
  tape.backward(sum(mul(x, hidden), {0}));
  CHECK(numbers(x.grad()) == Numbers{1.0, 4.0});
  const Variable unknown(test::doubles({1.0}, {1}));
  CHECK_THROWS_WITH_AS(tape.backward(unknown), doctest::Contains("does not depend on anything"), UsageError);
}

TEST_CASE("An inner tape takes notes of its own and hands over where the outer one goes on") {
  test::register_backends();
  const Variable x = leaf({3.0}, {1}), w = leaf({2.0}, {1});
  Tape outer;
  const Variable y = mul(x, x);
  {
    Tape inner;
    CHECK(Tape::current() == &inner);
    inner.backward(mul(y, w));
    CHECK(numbers(w.grad()) == Numbers{9.0});
    CHECK(numbers(y.grad()) == Numbers{2.0});  // waits for the outer tape
    CHECK_FALSE(x.grad().defined());
  }
  CHECK(Tape::current() == &outer);
  CHECK(outer.size() == 1);
  outer.backward(y, test::doubles({0.0}, {1}));
  CHECK(numbers(x.grad()) == Numbers{12.0});
}

TEST_CASE("What backward has passed is refused, not silently left without gradient") {
  test::register_backends();
  const Variable x = leaf({3.0}, {1});
  const char* gone = "has been passed by backward";
  Tape tape;
  const Variable y = mul(x, x), first = scale(y, 2.0), second = scale(y, 3.0);
  tape.backward(first);
  CHECK_THROWS_WITH_AS(tape.backward(first), doctest::Contains(gone), UsageError);   // twice
  CHECK_THROWS_WITH_AS(tape.backward(second), doctest::Contains(gone), UsageError);  // another root of the same notes
  const Variable later = scale(y, 4.0);                                              // goes on from a value of before
  CHECK_THROWS_WITH_AS(tape.backward(later), doctest::Contains(gone), UsageError);
  CHECK(numbers(x.grad()) == Numbers{12.0});

  Variable orphan;
  {
    const Tape forgotten;
    orphan = mul(x, x);
  }
  const Variable z = scale(orphan, 2.0);
  CHECK_THROWS_WITH_AS(tape.backward(z), doctest::Contains(gone), UsageError);
}

TEST_CASE("Two losses of one forward pass are one sum") {
  test::register_backends();
  const Variable x = leaf({3.0}, {1});
  Tape tape;
  const Variable y = mul(x, x);
  tape.backward(add(scale(y, 2.0), scale(y, 3.0)));
  CHECK(numbers(x.grad()) == Numbers{30.0});
}

TEST_CASE("Matrix products send gradients through every combination of transposes") {
  test::register_backends();
  // y = op(a) op(b) of 2x3 and 3x2 with weights c: dL/da_ik = sum_j c_ij b_kj, dL/db_kj = sum_i a_ik c_ij.
  const Numbers a{1, 2, 3, 4, 5, 6}, b{-1, 2, 0.5, -3, 4, 1}, c{1, -2, 3, 0.5};
  Numbers da(6), db(6);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 2; ++j)
      for (std::size_t k = 0; k < 3; ++k) {
        da[i * 3 + k] += c[i * 2 + j] * b[k * 2 + j];
        db[k * 2 + j] += a[i * 3 + k] * c[i * 2 + j];
      }
  const auto turned = [](const Numbers& m, std::size_t rows) {
    const std::size_t columns = m.size() / rows;
    Numbers t(m.size());
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) t[j * rows + i] = m[i * columns + j];
    return t;
  };
  for (const bool turn_a : {false, true})
    for (const bool turn_b : {false, true}) {
      CAPTURE(turn_a);
      CAPTURE(turn_b);
      const Variable va = turn_a ? leaf(turned(a, 2), {3, 2}) : leaf(a, {2, 3});
      const Variable vb = turn_b ? leaf(turned(b, 3), {2, 3}) : leaf(b, {3, 2});
      Tape tape;
      tape.backward(matmul(va, vb, turn_a, turn_b), test::doubles(c, {2, 2}));
      CHECK(numbers(va.grad()) == (turn_a ? turned(da, 2) : da));
      CHECK(numbers(vb.grad()) == (turn_b ? turned(db, 3) : db));
    }
}

TEST_CASE("Only what wants a gradient gets one, and turning a leaf into a constant drops it") {
  test::register_backends();
  Variable a = leaf({2.0}, {1}), b = leaf({5.0}, {1});
  b.set_requires_grad(false);
  {
    Tape tape;
    tape.backward(mul(a, b));
  }
  CHECK(numbers(a.grad()) == Numbers{5.0});
  CHECK_FALSE(b.grad().defined());
  a.set_requires_grad(false);
  CHECK_FALSE(a.grad().defined());
  b.set_requires_grad(true);
  Tape tape;
  tape.backward(mul(a, b));
  CHECK(numbers(b.grad()) == Numbers{2.0});
  b.set_value(test::doubles({7.0}, {1}));
  CHECK_FALSE(b.grad().defined());
  CHECK(b.requires_grad());
}

// Initial values against the distributions they are to have: the whole distribution function, not only moments.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/backend.h"
#include "models/registry.h"
#include "tests/nn/support.h"

using namespace engine;
using nn::Scheme;
using Distribution = std::function<double(double)>;

namespace {

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
Distribution normal(double deviation) {
  return [=](double x) { return normal_cdf(x / deviation); };
}
Distribution uniform(double bound) {
  return [=](double x) { return std::clamp(0.5 + 0.5 * x / bound, 0.0, 1.0); };
}
// N(0, deviation^2) given |x| <= cut deviations.
Distribution truncated(double deviation, double cut) {
  return [=](double x) {
    const double low = normal_cdf(-cut), z = std::clamp(x / deviation, -cut, cut);
    return (normal_cdf(z) - low) / (1.0 - 2.0 * low);
  };
}

// Kolmogorov's statistic sqrt(n) sup |F_n - F|: above 2 once in 1500 draws of the right distribution, and far above
// for a scale that is a few percent wrong.
double kolmogorov(std::vector<double> v, const Distribution& cdf) {
  std::sort(v.begin(), v.end());
  const double n = static_cast<double>(v.size());
  double distance = 0.0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double p = cdf(v[i]), below = static_cast<double>(i) / n;
    if (!std::isfinite(p)) return INFINITY;
    distance = std::max({distance, p - below, below + 1.0 / n - p});
  }
  return std::sqrt(n) * distance;
}
constexpr double limit = 2.0;

double largest(const std::vector<double>& v) {
  double m = 0.0;
  for (const double x : v) m = std::max(m, std::abs(x));
  return m;
}

std::vector<double> weights(nn::Module& m, std::size_t i = 0) {
  return to_vector<double>(m.parameters()[i]->variable.value());
}

struct Case {
  Scheme scheme;
  std::function<Distribution(double in, double out)> distribution;
  double bound_of(double in, double out) const;  // infinite for a normal
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {Scheme::he_normal, [](double, double out) { return normal(std::sqrt(2.0 / out)); }},
      {Scheme::he_uniform, [](double in, double) { return uniform(std::sqrt(6.0 / in)); }},
      {Scheme::xavier_normal, [](double in, double out) { return normal(std::sqrt(2.0 / (in + out))); }},
      {Scheme::xavier_uniform, [](double in, double out) { return uniform(std::sqrt(6.0 / (in + out))); }},
      {Scheme::trunc_normal, [](double, double) { return truncated(0.1, 2.0); }},
      {Scheme::torch, [](double in, double) { return uniform(1.0 / std::sqrt(in)); }},
  };
  return all;
}

double Case::bound_of(double in, double out) const {
  switch (scheme) {
    case Scheme::he_uniform:
      return std::sqrt(6.0 / in);
    case Scheme::xavier_uniform:
      return std::sqrt(6.0 / (in + out));
    case Scheme::trunc_normal:
      return 0.2;
    case Scheme::torch:
      return 1.0 / std::sqrt(in);
    default:
      return INFINITY;
  }
}

}  // namespace

TEST_CASE("Convolutions draw from their scheme's distribution, whatever the fans") {
  test::register_backends();
  struct Fan {
    std::int64_t in, out, kh, kw, groups;
  };
  for (const Fan& f :
       {Fan{3, 61, 7, 7, 1}, Fan{37, 129, 1, 1, 1}, Fan{31, 13, 3, 5, 1}, Fan{44, 66, 3, 3, 11}, Fan{1, 6001, 1, 1, 1}})
    for (const Case& c : cases()) {
      CAPTURE(f.in);
      CAPTURE(nn::name_of(c.scheme));
      Conv2dParams p;
      p.groups = f.groups;
      nn::Conv2d conv(f.in, f.out, {f.kh, f.kw}, p, false);
      nn::initialize(conv, c.scheme, 42);
      const double field = static_cast<double>(f.kh * f.kw);
      const double in = static_cast<double>(f.in / f.groups) * field, out = static_cast<double>(f.out) * field;
      const auto w = weights(conv);
      CHECK(kolmogorov(w, c.distribution(in, out)) < limit);
      const double bound = c.bound_of(in, out);
      CHECK(largest(w) <= bound * (1.0 + 1e-7));  // one rounding to float
      if (std::isfinite(bound)) CHECK(largest(w) > 0.98 * bound);
    }
}

TEST_CASE("The cut normal keeps 0.88 of the deviation it is cut from") {
  test::register_backends();
  nn::Conv2d conv(64, 96, 5);
  nn::initialize(conv, Scheme::trunc_normal, 1);
  double squares = 0.0;
  const auto w = weights(conv);
  for (const double x : w) squares += x * x;
  // Var = 1 - 2 a phi(a) / (2 Phi(a) - 1) at a = 2.
  const double phi = std::exp(-2.0) / std::sqrt(2.0 * std::numbers::pi);
  const double expected = 0.1 * std::sqrt(1.0 - 4.0 * phi / (2.0 * normal_cdf(2.0) - 1.0));
  CHECK(expected == doctest::Approx(0.08796).epsilon(1e-4));
  CHECK(std::sqrt(squares / static_cast<double>(w.size())) == doctest::Approx(expected).epsilon(0.005));
}

TEST_CASE("He leaves linear layers as PyTorch has them; the other schemes reach them; biases are always uniform") {
  test::register_backends();
  constexpr std::int64_t in = 77, out = 2003;
  for (const Case& c : cases()) {
    CAPTURE(nn::name_of(c.scheme));
    nn::Linear fc(in, out);
    nn::initialize(fc, c.scheme, 42);
    const Distribution as_pytorch = uniform(1.0 / std::sqrt(77.0));
    CHECK(kolmogorov(weights(fc, 0), c.scheme == Scheme::he_normal ? as_pytorch : c.distribution(77.0, 2003.0)) <
          limit);
    CHECK(kolmogorov(weights(fc, 1), as_pytorch) < limit);
  }
  nn::Conv2d conv(5, 2003, {3, 1}, {}, true);
  nn::initialize(conv, Scheme::xavier_normal, 42);
  CHECK(kolmogorov(weights(conv, 1), uniform(1.0 / std::sqrt(15.0))) < limit);
}

TEST_CASE("Norms start at 1 and 0, running statistics at 0 and 1") {
  test::register_backends();
  nn::BatchNorm2d bn(19);
  Backend& cpu = backend_of(Device::cpu);
  for (nn::Parameter* p : bn.parameters()) cpu.fill_(p->variable.value(), 5.0);
  for (const nn::Buffer* b : bn.buffers()) cpu.fill_(b->value, 5.0);
  nn::initialize(bn, Scheme::xavier_normal, 42);
  CHECK(weights(bn, 0) == std::vector<double>(19, 1.0));
  CHECK(weights(bn, 1) == std::vector<double>(19, 0.0));
  CHECK(to_vector<double>(bn.buffers()[0]->value) == std::vector<double>(19, 0.0));
  CHECK(to_vector<double>(bn.buffers()[1]->value) == std::vector<double>(19, 1.0));
}

TEST_CASE("A value depends on seed and name alone: not on threads, device, order or neighbours") {
  const auto draw = [](int threads, Device device, std::uint64_t seed) {
    test::register_backends(threads);
    const auto model = models::make_model("cbr_tiny_1m", {5, 3});
    model->to(device);
    nn::initialize(*model, Scheme::he_normal, seed);
    std::vector<std::vector<double>> all;
    for (const nn::Parameter* p : model->parameters()) all.push_back(test::numbers(p->variable.value()));
    return all;
  };
  const auto one = draw(1, Device::cpu, 42);
  CHECK(draw(2, Device::cpu, 42) == one);
  CHECK(draw(2, Device::reference, 42) == one);
  CHECK(draw(2, Device::cpu, 43) != one);

  // block1 of a net of two is block1 of a net of three.
  test::BlockNet small(2), large(3);
  CHECK(weights(small) == weights(large));
  // Two convolutions of one shape draw different numbers.
  REQUIRE(large.parameters()[3]->variable.shape() == large.parameters()[6]->variable.shape());
  CHECK(weights(large, 3) != weights(large, 6));
}

TEST_CASE("One parameter alone is drawn as it is with its network") {
  test::register_backends();
  const auto model = models::make_model("cbr_tiny_1m", {5, 3});
  nn::initialize(*model, Scheme::he_normal, 42);
  for (nn::Parameter* p : model->parameters()) {
    if (!p->name.starts_with("fc.")) continue;
    const auto with_all = test::numbers(p->variable.value());
    nn::initialize(*p, Scheme::he_normal, 7, 256);
    CHECK(test::numbers(p->variable.value()) != with_all);
    nn::initialize(*p, Scheme::he_normal, 42, 256);
    CHECK(test::numbers(p->variable.value()) == with_all);
  }
}

TEST_CASE("Schemes have names, and an unknown one is told the list") {
  for (const Case& c : cases()) CHECK(nn::parse_scheme(nn::name_of(c.scheme)) == c.scheme);
  CHECK_THROWS_WITH_AS(nn::parse_scheme("kaiming"), doctest::Contains("he, he-uniform, xavier"), UsageError);
}

#include "engine/nn/init.h"

#include <array>
#include <cmath>

#include "engine/tensor/philox.h"
#include "kernels/backend.h"

namespace engine::nn {
namespace {

struct Named {
  Scheme scheme;
  std::string_view name;
};
constexpr std::array<Named, 6> schemes{{{Scheme::he_normal, "he"},
                                        {Scheme::he_uniform, "he-uniform"},
                                        {Scheme::xavier_normal, "xavier"},
                                        {Scheme::xavier_uniform, "xavier-uniform"},
                                        {Scheme::trunc_normal, "trunc-normal"},
                                        {Scheme::torch, "torch"}}};

struct Fans {
  double in, out;
};

// Of a weight [out, in, ...]: the receptive field counts for both.
Fans fans_of(const Shape& w) {
  const double field = static_cast<double>(w.numel()) / static_cast<double>(w[0] * w[1]);
  return {static_cast<double>(w[1]) * field, static_cast<double>(w[0]) * field};
}

double draw(Random& random, Scheme scheme, const Fans& fan) {
  const auto uniform = [&](double bound) { return bound * (2.0 * random.uniform() - 1.0); };
  switch (scheme) {
    case Scheme::he_normal: return random.normal() * std::sqrt(2.0 / fan.out);
    case Scheme::he_uniform: return uniform(std::sqrt(6.0 / fan.in));
    case Scheme::xavier_normal: return random.normal() * std::sqrt(2.0 / (fan.in + fan.out));
    case Scheme::xavier_uniform: return uniform(std::sqrt(6.0 / (fan.in + fan.out)));
    case Scheme::torch: return uniform(1.0 / std::sqrt(fan.in));
    case Scheme::trunc_normal: {
      double z = random.normal();
      while (std::abs(z) > 2.0) z = random.normal();
      return 0.1 * z;
    }
  }
  return 0.0;
}

void assign(Tensor& value, const std::vector<float>& numbers) {
  value = from_vector(numbers, value.shape(), value.device(), value.dtype());
}

void assign(Parameter& p, const std::vector<float>& numbers) {
  const Tensor& old = p.variable.value();
  p.variable.set_value(from_vector(numbers, old.shape(), old.device(), old.dtype()));
}

}  // namespace

Scheme parse_scheme(std::string_view name) {
  std::string known;
  for (const Named& s : schemes) {
    if (s.name == name) return s.scheme;
    known += (known.empty() ? "" : ", ") + std::string(s.name);
  }
  throw UsageError("unknown initialisation '{}'; known: {}", name, known);
}

std::string_view name_of(Scheme scheme) {
  for (const Named& s : schemes)
    if (s.scheme == scheme) return s.name;
  return "?";
}

std::uint32_t name_hash(std::string_view name) {
  std::uint32_t h = 2166136261u;
  for (unsigned char c : name) h = (h ^ c) * 16777619u;
  return h;
}

void initialize(Parameter& p, Scheme scheme, std::uint64_t seed, std::int64_t fan_in_of_bias) {
  const Shape& shape = p.variable.shape();
  std::vector<float> numbers(static_cast<std::size_t>(shape.numel()));
  RandomKey key(seed, RandomStream::init);
  key.substream = name_hash(p.name);
  Random random(key);
  const auto fill = [&](Scheme s, const Fans& fan) {
    for (float& v : numbers) v = static_cast<float>(draw(random, s, fan));
  };
  switch (p.kind) {
    case ParameterKind::conv_weight: fill(scheme, fans_of(shape)); break;
    case ParameterKind::linear_weight:
      fill(scheme == Scheme::he_normal ? Scheme::torch : scheme, fans_of(shape));
      break;
    case ParameterKind::bias: fill(Scheme::torch, {static_cast<double>(fan_in_of_bias), 1.0}); break;
    case ParameterKind::norm_weight: std::fill(numbers.begin(), numbers.end(), 1.0f); break;
    case ParameterKind::norm_bias: break;
  }
  assign(p, numbers);
}

void initialize(Module& root, Scheme scheme, std::uint64_t seed) {
  std::int64_t fan_in = 1;  // of the weight that stands before a bias
  for (Parameter* p : root.parameters()) {
    if (p->kind == ParameterKind::conv_weight || p->kind == ParameterKind::linear_weight)
      fan_in = static_cast<std::int64_t>(fans_of(p->variable.shape()).in);
    initialize(*p, scheme, seed, fan_in);
  }
  for (Buffer* b : root.buffers())
    assign(b->value, std::vector<float>(static_cast<std::size_t>(b->value.numel()),
                                        b->name.ends_with("running_var") ? 1.0f : 0.0f));
}

}  // namespace engine::nn

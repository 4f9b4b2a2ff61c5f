// activation, add, mul, scale, accumulate_, dropout.
#include "bench/conformance/data.h"
#include "engine/autograd/functions.h"

namespace engine::conformance {
namespace {

Config activation_config(Input x, const ActivationParams& p) {
  Config c;
  c.name = fmt::format("{} {}", name_of(p.kind), x.shape.str());
  c.flops = static_cast<double>(x.shape.numel());
  c.backward_flops = 2.0 * c.flops;
  c.inputs = {std::move(x)};
  // x * Phi(x) far below zero is x times the difference of almost equal numbers.
  if (p.kind == Activation::gelu_erf || p.kind == Activation::gelu_tanh) c.terms = 3.0;
  c.function = [p](const Variables& v) { return activation(v[0], p); };
  return c;
}

std::vector<Config> activation_configs(std::uint64_t seed) {
  Data data(seed, "activation");
  std::vector<Config> list;
  for (int k = 0; k < activation_count; ++k) {
    ActivationParams p{static_cast<Activation>(k)};
    for (const Shape& s : {Shape{1}, Shape{31}, Shape{2, 17, 5, 3}, Shape{3, 33, 7, 1}}) {
      list.push_back(activation_config(data.normal("x", s, 0.0, 3.0), p));
      p.slope = 0.2;
    }
    list.push_back(activation_config(data.uniform("x", {2, 19, 37, 41}, -8.0, 8.0), p));
    Input corners = data.normal("x", {9});
    corners.values = {0.0, 3.0, -3.0, 6.0, -6.0, 1e-30, -1e-30, 80.0, -80.0};
    list.push_back(activation_config(std::move(corners), p));
    list.back().name += " corners";
    list.back().smooth = false;
  }
  Input odd = data.normal("x", {2, 3, 3, 5});
  odd.values[7] = std::numeric_limits<double>::quiet_NaN();
  list.push_back(activation_config(std::move(odd), {}));
  list.back().name += " with NaN";
  list.back().smooth = false;
  return list;
}

template <class F>
Config pair_config(Data& data, const Shape& a, const Shape& b, F f) {
  Config c;
  c.name = fmt::format("{} and {}", a.str(), b.str());
  c.inputs = {data.normal("a", a), data.normal("b", b)};
  c.function = [f](const Variables& v) { return f(v[0], v[1]); };
  const double n = static_cast<double>(broadcast(a, b).numel());
  // The gradient of a broadcast input sums over the copies.
  c.reduction = broadcast(a, b).numel() / std::max<std::int64_t>(1, std::min(a.numel(), b.numel()));
  c.flops = n;
  c.backward_flops = 2.0 * n;
  return c;
}

struct Pair {
  Shape a, b;
};
const std::vector<Pair>& pairs() {
  static const std::vector<Pair> list = {
      {{}, {}},
      {{31}, {31}},
      {{2, 17, 5, 3}, {2, 17, 5, 3}},
      {{2, 17, 5, 3}, {1, 17, 1, 1}},
      {{2, 17, 1, 1}, {2, 17, 5, 3}},
      {{2, 16, 5, 3}, {3}},
      {{2, 16, 5, 3}, {}},
      {{13, 1}, {1, 7}},
      {{3, 33, 1, 1}, {3, 33, 1, 1}},
      {{2, 1, 5, 3}, {1, 9, 1, 3}},
      {{2, 19, 37, 41}, {2, 19, 37, 41}},
      {{2, 19, 37, 41}, {2, 19, 1, 1}},
      {{129, 513}, {513}},
  };
  return list;
}

template <class F>
Case pair_case(const std::string& name, F f) {
  return {name,
          {name},
          [=](std::uint64_t seed) {
            Data data(seed, name);
            std::vector<Config> list;
            for (const Pair& p : pairs()) list.push_back(pair_config(data, p.a, p.b, f));
            return list;
          },
          [=](std::uint64_t seed) {
            Data data(seed, name);
            return std::vector<Config>{pair_config(data, {8, 256, 56, 56}, {8, 256, 56, 56}, f),
                                       pair_config(data, {8, 256, 56, 56}, {8, 256, 1, 1}, f)};
          }};
}

Config scale_config(Data& data, const Shape& s, double factor) {
  Config c;
  c.name = fmt::format("{} by {}", s.str(), factor);
  c.inputs = {data.normal("x", s)};
  c.function = [=](const Variables& v) { return scale(v[0], factor); };
  c.flops = c.backward_flops = static_cast<double>(s.numel());
  return c;
}

Config accumulate_config(Data& data, const Shape& s) {
  Config c;
  c.name = s.str();
  c.inputs = {written(data.normal("acc", s)), constant(data.normal("x", s))};
  c.direct = [](Backend& b, const Tensors& in) {
    b.accumulate_(in[0], in[1]);
    return Tensors{};
  };
  c.flops = static_cast<double>(s.numel());
  return c;
}

Config dropout_config(Data& data, const Shape& s, double p) {
  RandomKey key(7, RandomStream::dropout);
  key.epoch = 3;
  key.step = 11;
  Config c;
  c.name = fmt::format("{} p {}", s.str(), p);
  c.inputs = {data.normal("x", s)};
  c.function = [=](const Variables& v) { return dropout(v[0], p, key); };
  c.flops = c.backward_flops = static_cast<double>(s.numel());
  return c;
}

}  // namespace

std::vector<Case> elementwise_cases() {
  const Shape large{8, 256, 56, 56};
  return {
      {"activation",
       {"activation", "activation_backward"},
       activation_configs,
       [=](std::uint64_t seed) {
         Data data(seed, "large");
         std::vector<Config> list;
         for (Activation a : {Activation::relu, Activation::silu, Activation::gelu_erf})
           list.push_back(activation_config(data.uniform("x", large, -3, 3), {a}));
         return list;
       }},
      pair_case("add", [](const Variable& a, const Variable& b) { return add(a, b); }),
      pair_case("mul", [](const Variable& a, const Variable& b) { return mul(a, b); }),
      {"scale",
       {"scale"},
       [](std::uint64_t seed) {
         Data data(seed, "scale");
         return std::vector<Config>{scale_config(data, {}, 3.0), scale_config(data, {31}, -0.25),
                                    scale_config(data, {2, 17, 5, 3}, 1.7), scale_config(data, {33, 7}, 0.0),
                                    scale_config(data, {2, 19, 37, 41}, -1.1)};
       },
       [=](std::uint64_t seed) {
         Data data(seed, "large");
         return std::vector<Config>{scale_config(data, large, 0.5)};
       }},
      {"accumulate_",
       {"accumulate_"},
       [](std::uint64_t seed) {
         Data data(seed, "accumulate_");
         return std::vector<Config>{accumulate_config(data, {}), accumulate_config(data, {31}),
                                    accumulate_config(data, {2, 17, 5, 3}), accumulate_config(data, {1, 33, 1, 1}),
                                    accumulate_config(data, {2, 19, 37, 41})};
       },
       [=](std::uint64_t seed) {
         Data data(seed, "large");
         return std::vector<Config>{accumulate_config(data, large)};
       }},
      {"dropout",
       {"dropout"},
       [](std::uint64_t seed) {
         Data data(seed, "dropout");
         return std::vector<Config>{dropout_config(data, {1}, 0.5),      dropout_config(data, {31}, 0.3),
                                    dropout_config(data, {13, 33}, 0.1), dropout_config(data, {2, 17, 5, 3}, 0.5),
                                    dropout_config(data, {33}, 0.0),     dropout_config(data, {2, 19, 37, 41}, 0.3)};
       },
       [=](std::uint64_t seed) {
         Data data(seed, "large");
         return std::vector<Config>{dropout_config(data, large, 0.5)};
       }},
  };
}

}  // namespace engine::conformance

// from_host, to_host, to_plain, clone, cast, fill_, copy_, has_nonfinite.
#include <cmath>
#include <limits>

#include "bench/conformance/data.h"

namespace engine::conformance {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

Config direct(std::string name, std::vector<Input> inputs, std::function<Tensors(Backend&, const Tensors&)> f) {
  Config c;
  c.name = std::move(name);
  c.inputs = std::move(inputs);
  c.direct = std::move(f);
  return c;
}

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> list = {{},           {1},           {31},          {13, 7},
                                          {1, 3, 1, 1}, {2, 17, 5, 3}, {2, 33, 7, 9}, {2, 19, 37, 41}};
  return list;
}

Tensors there_and_back(Backend& b, const Tensors& in) {
  std::vector<std::byte> bytes(in[0].bytes());
  b.to_host(in[0], bytes.data());
  return {b.from_host(bytes.data(), in[0].shape(), in[0].dtype())};
}

std::vector<Config> over_shapes(std::uint64_t seed, std::string_view name,
                                const std::function<Tensors(Backend&, const Tensors&)>& f) {
  std::vector<Config> list;
  Data data(seed, name);
  for (const Shape& s : shapes()) list.push_back(direct(s.str(), {constant(data.normal("x", s))}, f));
  return list;
}

std::vector<Config> large(std::uint64_t seed, const std::function<Tensors(Backend&, const Tensors&)>& f) {
  Data data(seed, "large");
  return {direct("[16, 64, 112, 112]", {constant(data.uniform("x", {16, 64, 112, 112}, -1, 1))}, f)};
}

Case simple(const std::string& name, std::vector<std::string> ops,
            const std::function<Tensors(Backend&, const Tensors&)>& f) {
  return {name, std::move(ops), [=](std::uint64_t seed) { return over_shapes(seed, name, f); },
          [=](std::uint64_t seed) { return large(seed, f); }};
}

std::vector<Config> cast_configs(std::uint64_t seed) {
  std::vector<Config> list;
  Data data(seed, "cast");
  for (const Shape& s : {Shape{31}, Shape{2, 17, 5, 3}, Shape{2, 19, 37, 41}})
    for (DType to : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i64, DType::i32})
      list.push_back(direct(fmt::format("{} to {}", s.str(), name_of(to)), {constant(data.normal("x", s, 0, 30))},
                            [to](Backend& b, const Tensors& in) { return Tensors{b.cast(in[0], to)}; }));
  for (DType to : {DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8}) {
    Input odd = constant(data.normal("x", {9}));
    odd.values = {nan, inf, -inf, 1e30, -1e30, -0.9, 0.9, 254.9, -254.9};
    list.push_back(direct(fmt::format("odd values to {}", name_of(to)), {odd},
                          [to](Backend& b, const Tensors& in) { return Tensors{b.cast(in[0], to)}; }));
  }
  list.push_back(direct("i64 to the floating type", {data.labels("x", 33, 100), constant(data.normal("like", {1}))},
                        [](Backend& b, const Tensors& in) { return Tensors{b.cast(in[0], in[1].dtype())}; }));
  return list;
}

std::vector<Config> cast_all_configs(std::uint64_t seed) {
  std::vector<Config> list;
  Data data(seed, "cast_all");
  for (DType to : {DType::f32, DType::f16, DType::bf16}) {
    const auto all = [to](Backend& b, const Tensors& in) { return b.cast_all(in, to); };
    // A piece and a rest, less than a vector, nothing, a scalar.
    list.push_back(direct(fmt::format("five to {}", name_of(to)),
                          {constant(data.normal("a", {4099}, 0, 30)), constant(data.normal("b", {2, 17, 5, 3})),
                           constant(data.normal("c", {0, 3})), constant(data.normal("d", {})),
                           constant(data.normal("e", {31}))},
                          all));
    Input odd = constant(data.normal("x", {5}));
    odd.values = {nan, inf, -inf, 1e30, -1e30};
    list.push_back(direct(fmt::format("odd values to {}", name_of(to)), {constant(data.normal("a", {3})), odd}, all));
  }
  return list;
}

std::vector<Config> fill_configs(std::uint64_t seed) {
  std::vector<Config> list;
  Data data(seed, "fill_");
  for (double value : {0.0, -1.5, nan, inf})
    for (const Shape& s : {Shape{1}, Shape{13, 7}, Shape{2, 17, 5, 3}, Shape{2, 19, 37, 41}})
      list.push_back(direct(fmt::format("{} with {}", s.str(), value), {written(data.normal("x", s))},
                            [value](Backend& b, const Tensors& in) {
                              b.fill_(in[0], value);
                              return Tensors{};
                            }));
  return list;
}

std::vector<Config> copy_configs(std::uint64_t seed) {
  std::vector<Config> list;
  Data data(seed, "copy_");
  for (const Shape& s : shapes())
    list.push_back(direct(s.str(), {written(data.normal("dst", s)), constant(data.normal("src", s))},
                          [](Backend& b, const Tensors& in) {
                            b.copy_(in[0], in[1]);
                            return Tensors{};
                          }));
  return list;
}

std::vector<Config> nonfinite_configs(std::uint64_t seed) {
  std::vector<Config> list;
  Data data(seed, "has_nonfinite");
  const auto ask = [](Backend& b, const Tensors& in) {
    const std::int32_t answer = b.has_nonfinite(in[0]) ? 1 : 0;
    return Tensors{b.from_host(&answer, {}, DType::i32)};
  };
  for (const Shape& s : {Shape{}, Shape{31}, Shape{2, 17, 5, 3}, Shape{2, 19, 37, 41}})
    for (double odd : {0.0, nan, inf, -inf})
      for (bool last : {false, true}) {
        Input x = constant(data.normal("x", s));
        (last ? x.values.back() : x.values.front()) = odd;
        list.push_back(direct(fmt::format("{} with {} {}", s.str(), odd, last ? "last" : "first"), {x}, ask));
      }
  return list;
}

}  // namespace

std::vector<Case> movement_cases() {
  const auto fill_five = [](Backend& b, const Tensors& in) {
    b.fill_(in[0], 5.0);
    return Tensors{};
  };
  const auto ask = [](Backend& b, const Tensors& in) {
    b.has_nonfinite(in[0]);
    return Tensors{};
  };
  return {
      simple("to_host", {"from_host", "to_host"}, there_and_back),
      simple("to_plain", {"to_plain"}, [](Backend& b, const Tensors& in) { return Tensors{b.to_plain(in[0])}; }),
      simple("clone", {"clone"}, [](Backend& b, const Tensors& in) { return Tensors{b.clone(in[0])}; }),
      {"cast",
       {"cast"},
       cast_configs,
       [](std::uint64_t seed) {
         return large(seed, [](Backend& b, const Tensors& in) { return Tensors{b.cast(in[0], DType::i32)}; });
       }},
      {"cast_all",
       {"cast_all"},
       cast_all_configs,
       [](std::uint64_t seed) {
         return large(seed, [](Backend& b, const Tensors& in) { return b.cast_all({in[0], in[0]}, DType::bf16); });
       }},
      {"fill_",
       {"fill_"},
       fill_configs,
       [=](std::uint64_t seed) {
         auto list = large(seed, fill_five);
         list[0].inputs[0].written = true;
         list[0].inputs[0].read = 0;
         return list;
       }},
      {"copy_",
       {"copy_"},
       copy_configs,
       [](std::uint64_t seed) {
         auto list = large(seed, [](Backend& b, const Tensors& in) {
           b.copy_(in[1], in[0]);
           return Tensors{};
         });
         list[0].inputs.push_back(written(list[0].inputs[0]));
         list[0].inputs[1].read = 0;
         return list;
       }},
      {"has_nonfinite", {"has_nonfinite"}, nonfinite_configs, [=](std::uint64_t seed) { return large(seed, ask); }},
  };
}

}  // namespace engine::conformance

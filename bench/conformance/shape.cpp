// concat, slice, pad, transpose, broadcast_to, sum, mean, sum_to.
#include <cmath>

#include "bench/conformance/data.h"
#include "engine/autograd/functions.h"

namespace engine::conformance {
namespace {

using Extents = std::vector<std::int64_t>;

Config config(std::string name, std::vector<Input> inputs, std::function<Variable(const Variables&)> f,
              std::int64_t reduction = 1) {
  Config c;
  c.name = std::move(name);
  c.inputs = std::move(inputs);
  c.function = std::move(f);
  c.reduction = reduction;
  return c;
}

Config concat_config(Data& data, const std::vector<Shape>& shapes, int axis) {
  std::vector<Input> inputs;
  std::string name = fmt::format("axis {}:", axis);
  for (const Shape& s : shapes) {
    inputs.push_back(data.normal(fmt::format("x{}", inputs.size()), s));
    name += " " + s.str();
  }
  return config(name, std::move(inputs), [=](const Variables& v) { return concat(v, axis); });
}

Config slice_config(Data& data, const Shape& x, const Extents& begin, const Shape& extent) {
  Config c = config(fmt::format("{} of {}", extent.str(), x.str()), {data.normal("x", x)},
                    [=](const Variables& v) { return slice(v[0], begin, extent); });
  c.inputs[0].read = static_cast<double>(extent.numel()) / static_cast<double>(x.numel());
  return c;
}

Config pad_config(Data& data, const Shape& x, const Extents& before, const Extents& after, double value) {
  return config(fmt::format("{} with {}", x.str(), value), {data.normal("x", x)},
                [=](const Variables& v) { return pad(v[0], before, after, value); });
}

Config transpose_config(Data& data, const Shape& x, const std::vector<int>& axes) {
  std::string order;
  for (int a : axes) order += std::to_string(a);
  return config(fmt::format("{} {}", x.str(), order), {data.normal("x", x)},
                [=](const Variables& v) { return transpose(v[0], axes); });
}

Config broadcast_config(Data& data, const Shape& from, const Shape& to) {
  return config(
      fmt::format("{} to {}", from.str(), to.str()), {data.normal("x", from)},
      [=](const Variables& v) { return broadcast_to(v[0], to); }, to.numel() / from.numel());
}

Config sum_to_config(Data& data, const Shape& from, const Shape& to) {
  Config c;
  c.name = fmt::format("{} to {}", from.str(), to.str());
  c.inputs = {constant(data.normal("x", from))};
  c.direct = [=](Backend& b, const Tensors& in) { return Tensors{b.sum_to(in[0], to)}; };
  c.reduction = from.numel() / to.numel();
  c.terms = std::sqrt(static_cast<double>(c.reduction));
  c.flops = static_cast<double>(from.numel());
  return c;
}

struct Reduce {
  Shape x;
  std::vector<int> axes;
  bool keep;
};

Config reduce_config(Data& data, const Reduce& r, bool average) {
  std::int64_t terms = 1;
  std::string axes;
  for (int a : r.axes) {
    terms *= r.x[a];
    axes += std::to_string(a);
  }
  Config c = config(
      fmt::format("{} over {}{}", r.x.str(), axes, r.keep ? ", kept" : ""), {data.normal("x", r.x)},
      [=](const Variables& v) { return average ? mean(v[0], r.axes, r.keep) : sum(v[0], r.axes, r.keep); }, terms);
  const double n = static_cast<double>(terms);
  c.terms = average ? 1.0 / std::sqrt(n) : std::sqrt(n);
  c.flops = static_cast<double>(r.x.numel());
  return c;
}

std::vector<Config> reduce_configs(std::uint64_t seed, bool average) {
  Data data(seed, average ? "mean" : "sum");
  std::vector<Config> list;
  for (const Reduce& r : std::vector<Reduce>{{{1}, {0}, false},
                                             {{31}, {0}, true},
                                             {{2, 17, 5, 3}, {2, 3}, true},
                                             {{2, 17, 5, 3}, {2, 3}, false},
                                             {{2, 17, 5, 3}, {1}, false},
                                             {{2, 16, 7, 3}, {0, 2, 3}, false},
                                             {{13, 7, 11}, {0, 2}, true},
                                             {{5, 33, 67}, {0, 1, 2}, false},
                                             {{2, 19, 37, 41}, {0, 2, 3}, true},
                                             {{331, 401}, {0}, false},
                                             {{331, 401}, {1}, false},
                                             {{140001}, {0}, false}})
    list.push_back(reduce_config(data, r, average));
  return list;
}

Case reduce_case(const std::string& name, bool average) {
  return {name,
          {name},
          [=](std::uint64_t seed) { return reduce_configs(seed, average); },
          [=](std::uint64_t seed) {
            Data data(seed, name);
            return std::vector<Config>{reduce_config(data, {{8, 256, 56, 56}, {0, 2, 3}, false}, average)};
          }};
}

Case make(const std::string& name, std::function<std::vector<Config>(Data&)> small,
          std::function<std::vector<Config>(Data&)> large) {
  return {name,
          {name},
          [=](std::uint64_t seed) {
            Data data(seed, name);
            return small(data);
          },
          [=](std::uint64_t seed) {
            Data data(seed, name);
            return large(data);
          }};
}

}  // namespace

std::vector<Case> shape_cases() {
  using List = std::vector<Config>;
  return {
      make(
          "concat",
          [](Data& d) {
            return List{concat_config(d, {{2, 3, 5, 3}, {2, 17, 5, 3}, {2, 1, 5, 3}}, 1),
                        concat_config(d, {{2, 16, 5, 3}, {2, 32, 5, 3}}, 1),
                        concat_config(d, {{1, 5, 3, 3}, {3, 5, 3, 3}}, 0),
                        concat_config(d, {{2, 9, 3, 4}, {2, 9, 3, 7}}, 3),
                        concat_config(d, {{13}, {1}, {31}}, 0),
                        concat_config(d, {{7, 3}}, 1),
                        concat_config(d, {{2, 19, 29, 31}, {2, 32, 29, 31}}, 1)};
          },
          [](Data& d) {
            return List{concat_config(d, {{8, 128, 56, 56}, {8, 128, 56, 56}}, 1)};
          }),
      make(
          "slice",
          [](Data& d) {
            return List{slice_config(d, {31}, {7}, {13}),
                        slice_config(d, {2, 17, 5, 3}, {0, 3, 1, 0}, {2, 9, 3, 3}),
                        slice_config(d, {3, 32, 5, 5}, {1, 16, 0, 0}, {2, 16, 5, 5}),
                        slice_config(d, {13, 7}, {12, 0}, {1, 7}),
                        slice_config(d, {2, 5, 1, 1}, {0, 4, 0, 0}, {1, 1, 1, 1}),
                        slice_config(d, {2, 37, 41, 43}, {0, 16, 1, 2}, {2, 21, 39, 41})};
          },
          [](Data& d) {
            return List{slice_config(d, {8, 256, 56, 56}, {0, 64, 0, 0}, {8, 128, 56, 56})};
          }),
      make(
          "pad",
          [](Data& d) {
            return List{pad_config(d, {13}, {2}, {5}, 0.5),
                        pad_config(d, {2, 17, 5, 3}, {0, 0, 1, 2}, {0, 0, 3, 0}, 0.0),
                        pad_config(d, {2, 3, 5, 3}, {1, 2, 0, 1}, {0, 3, 1, 0}, -1.5),
                        pad_config(d, {7, 3}, {0, 0}, {0, 0}, 1.0),
                        pad_config(d, {1, 33, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1}, 2.0),
                        pad_config(d, {2, 19, 37, 41}, {0, 0, 1, 2}, {0, 0, 2, 1}, 0.0)};
          },
          [](Data& d) {
            return List{pad_config(d, {8, 64, 110, 110}, {0, 0, 1, 1}, {0, 0, 1, 1}, 0.0)};
          }),
      make(
          "transpose",
          [](Data& d) {
            return List{transpose_config(d, {13, 7}, {1, 0}),
                        transpose_config(d, {2, 17, 5, 3}, {0, 2, 3, 1}),
                        transpose_config(d, {2, 17, 5, 3}, {3, 1, 0, 2}),
                        transpose_config(d, {5, 3, 31}, {2, 0, 1}),
                        transpose_config(d, {31}, {0}),
                        transpose_config(d, {67, 65}, {1, 0}),
                        transpose_config(d, {2, 19, 37, 41}, {0, 2, 3, 1})};
          },
          [](Data& d) {
            return List{transpose_config(d, {4096, 4096}, {1, 0})};
          }),
      make(
          "broadcast_to",
          [](Data& d) {
            return List{broadcast_config(d, {}, {3, 5}),
                        broadcast_config(d, {1, 17, 1, 1}, {2, 17, 5, 3}),
                        broadcast_config(d, {3}, {2, 9, 5, 3}),
                        broadcast_config(d, {2, 33, 1, 1}, {2, 33, 3, 7}),
                        broadcast_config(d, {13, 1}, {13, 7}),
                        broadcast_config(d, {2, 3}, {2, 3}),
                        broadcast_config(d, {2, 19, 1, 1}, {2, 19, 37, 41})};
          },
          [](Data& d) {
            return List{broadcast_config(d, {8, 256, 1, 1}, {8, 256, 56, 56})};
          }),
      reduce_case("sum", false),
      reduce_case("mean", true),
      make(
          "sum_to",
          [](Data& d) {
            return List{sum_to_config(d, {3, 5}, {}),
                        sum_to_config(d, {2, 17, 5, 3}, {1, 17, 1, 1}),
                        sum_to_config(d, {2, 17, 5, 3}, {3}),
                        sum_to_config(d, {2, 33, 3, 7}, {2, 33, 1, 1}),
                        sum_to_config(d, {13, 7}, {13, 1}),
                        sum_to_config(d, {2, 3, 1, 5}, {2, 3, 1, 5}),
                        sum_to_config(d, {2, 19, 37, 41}, {1, 19, 1, 1}),
                        sum_to_config(d, {257, 129}, {129})};
          },
          [](Data& d) {
            return List{sum_to_config(d, {8, 256, 56, 56}, {1, 256, 1, 1})};
          }),
  };
}

}  // namespace engine::conformance

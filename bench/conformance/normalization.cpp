// Batch norm with batch and with given statistics, layer norm.
#include "bench/conformance/data.h"
#include "engine/autograd/functions.h"

namespace engine::conformance {
namespace {

struct Norm {
  const char* name;
  Shape x;
  bool relu = false, residual = false;
  double mean = 0.0, std = 1.0;
  BatchNormParams p{};
};

std::int64_t per_channel(const Shape& x) { return x.numel() / x[1]; }

void set_cost(Config& c, const Shape& x) {
  c.reduction = per_channel(x);
  c.terms = 1.0;  // of two values a channel, what is left of x's gradient is of the order of eps
  c.flops = 5.0 * static_cast<double>(x.numel());
  c.backward_flops = 8.0 * static_cast<double>(x.numel());
}

// Inputs: x, weight, bias, running mean, running var, residual.
Config train_config(Data& data, const Norm& n, bool running) {
  const Shape c{n.x[1]};
  Config out;
  out.name = fmt::format("{} {}", n.name, n.x.str());
  out.inputs = {data.normal("x", n.x, n.mean, n.std), channel(data.uniform("weight", c, 0.5, 1.5)),
                channel(data.normal("bias", c))};
  if (running) {
    out.inputs.push_back(channel(written(data.normal("running_mean", c))));
    out.inputs.push_back(channel(written(data.uniform("running_var", c, 0.5, 1.5))));
  }
  if (n.residual) out.inputs.push_back(data.normal("residual", n.x));
  BatchNormParams p = n.p;
  p.relu = n.relu;
  out.function = [p, running, residual = n.residual](const Variables& v) {
    const RunningStatistics update = running ? RunningStatistics{v[3].value(), v[4].value()} : RunningStatistics{};
    return batch_norm_train(v[0], residual ? v.back() : Variable(), v[1], v[2], update, p);
  };
  set_cost(out, n.x);
  return out;
}

Config eval_config(Data& data, const Norm& n) {
  const Shape c{n.x[1]};
  Config out;
  out.name = fmt::format("{} {}", n.name, n.x.str());
  out.inputs = {data.normal("x", n.x, n.mean, n.std), channel(data.uniform("weight", c, 0.5, 1.5)),
                channel(data.normal("bias", c)), channel(constant(data.normal("mean", c))),
                channel(constant(data.uniform("var", c, 0.5, 1.5)))};
  if (n.residual) out.inputs.push_back(data.normal("residual", n.x));
  BatchNormParams p = n.p;
  p.relu = n.relu;
  out.function = [p, residual = n.residual](const Variables& v) {
    return batch_norm_eval(v[0], residual ? v.back() : Variable(), v[1], v[2], {v[3].value(), v[4].value()}, p);
  };
  set_cost(out, n.x);
  return out;
}

const std::vector<Norm>& norms() {
  static const std::vector<Norm> list = {
      {"plain", {2, 17, 5, 3}},
      {"two values a channel", {2, 3, 1, 1}},
      {"one image", {1, 33, 7, 9}},
      {"flat", {13, 31}},
      {"whole blocks", {4, 32, 6, 6}},
      {"relu", {3, 19, 5, 7}, true},
      {"residual", {3, 16, 5, 7}, false, true},
      {"residual and relu", {2, 37, 5, 4}, true, true},
      {"one channel, relu", {5, 1, 31, 3}, true},
      {"eps 0.1, momentum 0.3", {4, 8, 3, 3}, true, false, 0.0, 0.2, {0.1, 0.3}},
      {"tiles and a rest", {3, 24, 41, 43}, true},
  };
  return list;
}

std::vector<Config> train_configs(std::uint64_t seed) {
  Data data(seed, "batch_norm_train");
  std::vector<Config> list;
  for (const Norm& n : norms()) list.push_back(train_config(data, n, true));
  // Two values that happen to be close would be divided by their tiny deviation.
  auto& two = list[1].inputs[0].values;
  for (std::size_t i = 0; i < two.size(); ++i) two[i] += i < two.size() / 2 ? -3.0 : 3.0;
  list.push_back(train_config(data, norms()[0], false));
  list.back().name += ", no running statistics";
  return list;
}

std::vector<Config> eval_configs(std::uint64_t seed) {
  Data data(seed, "batch_norm_eval");
  std::vector<Config> list;
  for (const Norm& n : norms()) list.push_back(eval_config(data, n));
  list.push_back(eval_config(data, {"one value", {1, 1, 1, 1}, true}));
  return list;
}

Config layer_config(Data& data, const Shape& x, int axes, double eps) {
  std::vector<std::int64_t> dims(x.dims().end() - axes, x.dims().end());
  const Shape row(dims);
  Config c;
  c.name = fmt::format("{} over {}", x.str(), row.str());
  c.inputs = {data.normal("x", x, 0.5, 2.0), data.uniform("weight", row, 0.5, 1.5), data.normal("bias", row)};
  c.function = [=](const Variables& v) { return layer_norm(v[0], v[1], v[2], axes, eps); };
  c.reduction = std::max(row.numel(), x.numel() / row.numel());
  c.terms = 1.0;
  c.flops = 5.0 * static_cast<double>(x.numel());
  c.backward_flops = 8.0 * static_cast<double>(x.numel());
  return c;
}

std::vector<Config> layer_configs(std::uint64_t seed) {
  Data data(seed, "layer_norm");
  return {layer_config(data, {13, 33}, 1, 1e-5),     layer_config(data, {1, 31}, 1, 1e-5),
          layer_config(data, {3, 5, 2}, 1, 0.1),     layer_config(data, {2, 7, 5}, 2, 1e-5),
          layer_config(data, {2, 3, 5, 7}, 3, 1e-5), layer_config(data, {301, 129}, 1, 1e-5)};
}

std::vector<Norm> large_norms() {
  return {{"resnet", {8, 64, 112, 112}, true}, {"resnet block end", {8, 256, 56, 56}, true, true}};
}

}  // namespace

std::vector<Case> normalization_cases() {
  return {{"batch_norm_train",
           {"batch_norm_train", "batch_norm_train_backward"},
           train_configs,
           [](std::uint64_t seed) {
             Data data(seed, "large");
             std::vector<Config> list;
             for (const Norm& n : large_norms()) list.push_back(train_config(data, n, true));
             return list;
           }},
          {"batch_norm_eval",
           {"batch_norm_eval", "batch_norm_eval_backward"},
           eval_configs,
           [](std::uint64_t seed) {
             Data data(seed, "large");
             std::vector<Config> list;
             for (const Norm& n : large_norms()) list.push_back(eval_config(data, n));
             return list;
           }},
          {"layer_norm", {"layer_norm", "layer_norm_backward"}, layer_configs, [](std::uint64_t seed) {
             Data data(seed, "large");
             return std::vector<Config>{layer_config(data, {4096, 768}, 1, 1e-5)};
           }}};
}

}  // namespace engine::conformance

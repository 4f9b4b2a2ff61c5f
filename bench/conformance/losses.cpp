// softmax, log_softmax, softmax cross-entropy, binary cross-entropy with logits.
#include "bench/conformance/data.h"
#include "engine/autograd/functions.h"

namespace engine::conformance {
namespace {

Config softmax_config(Data& data, const Shape& x, int axis, bool logarithm, double spread = 2.0) {
  Config c;
  c.name = fmt::format("{} axis {}{}", x.str(), axis, spread > 10 ? ", large" : "");
  c.inputs = {data.normal("x", x, 0.0, spread)};
  c.function = [=](const Variables& v) { return logarithm ? log_softmax(v[0], axis) : softmax(v[0], axis); };
  c.reduction = x[axis];
  c.terms = 1.0;  // y (dy - sum y dy), where y is almost 1
  c.flops = 5.0 * static_cast<double>(x.numel());
  c.backward_flops = 3.0 * static_cast<double>(x.numel());
  return c;
}

Case softmax_case(const std::string& name, bool logarithm) {
  return {name,
          {name, name + "_backward"},
          [=](std::uint64_t seed) {
            Data data(seed, name);
            return std::vector<Config>{
                softmax_config(data, {13, 7}, 1, logarithm),      softmax_config(data, {1, 31}, 1, logarithm),
                softmax_config(data, {5, 1}, 1, logarithm),       softmax_config(data, {2, 17, 3, 5}, 1, logarithm),
                softmax_config(data, {2, 3, 33}, 0, logarithm),   softmax_config(data, {3, 5, 2, 7}, 3, logarithm),
                softmax_config(data, {4, 9}, 1, logarithm, 50.0), softmax_config(data, {3, 1000}, 1, logarithm),
                softmax_config(data, {257, 131}, 1, logarithm),   softmax_config(data, {2, 37, 29, 31}, 1, logarithm)};
          },
          [=](std::uint64_t seed) {
            Data data(seed, name);
            return std::vector<Config>{softmax_config(data, {4096, 1000}, 1, logarithm)};
          }};
}

Config entropy_config(Data& data, std::int64_t n, std::int64_t classes, const CrossEntropyParams& p, bool weights,
                      std::vector<std::size_t> ignored = {}) {
  Config c;
  constexpr const char* reductions[] = {"mean", "sum", "none"};
  c.name = fmt::format("[{}, {}] {}{}{}{}", n, classes, reductions[static_cast<int>(p.reduction)],
                       p.label_smoothing > 0 ? ", smoothed" : "", weights ? ", weights" : "",
                       ignored.empty() ? "" : ", some ignored");
  c.inputs = {data.normal("logits", {n, classes}, 0.0, 2.0), data.labels("target", n, classes)};
  for (std::size_t i : ignored) c.inputs[1].values[i] = static_cast<double>(p.ignore_index);
  if (weights) c.inputs.push_back(constant(data.uniform("class_weight", {classes}, 0.2, 2.0)));
  c.function = [p](const Variables& v) {
    return softmax_cross_entropy(v[0], v[1].value(), v.size() > 2 ? v[2].value() : Tensor(), p);
  };
  c.reduction = std::max(n, classes);
  c.flops = 6.0 * static_cast<double>(n * classes);
  c.backward_flops = 3.0 * static_cast<double>(n * classes);
  return c;
}

std::vector<Config> entropy_configs(std::uint64_t seed) {
  Data data(seed, "softmax_cross_entropy");
  std::vector<Config> list;
  for (Reduction r : {Reduction::mean, Reduction::sum, Reduction::none}) {
    CrossEntropyParams p;
    p.reduction = r;
    list.push_back(entropy_config(data, 13, 7, p, false));
    list.push_back(entropy_config(data, 1, 5, p, true));
    p.label_smoothing = 0.1;
    list.push_back(entropy_config(data, 31, 3, p, true));
    list.push_back(entropy_config(data, 9, 5, p, true, {0, 4, 8}));
    p.ignore_index = 2;
    list.push_back(entropy_config(data, 11, 4, p, false, {3}));
  }
  list.push_back(entropy_config(data, 4, 1000, {}, false));
  list.push_back(entropy_config(data, 3, 1, {}, false));
  list.push_back(entropy_config(data, 601, 33, {}, true));
  list.push_back(entropy_config(data, 3, 5, {}, false, {0, 1, 2}));
  list.back().smooth = false;  // nothing counts: the mean is NaN
  return list;
}

Config bce_config(Data& data, std::int64_t n, std::int64_t classes, Reduction reduction, bool pos_weight,
                  std::int64_t missing_every, double spread = 2.0) {
  Config c;
  constexpr const char* reductions[] = {"mean", "sum", "none"};
  c.name = fmt::format("[{}, {}] {}{}{}", n, classes, reductions[static_cast<int>(reduction)],
                       pos_weight ? ", pos_weight" : "", missing_every ? ", missing labels" : "");
  c.inputs = {data.normal("logits", {n, classes}, 0.0, spread),
              constant(data.uniform("target", {n, classes}, 0.0, 1.0))};
  auto& target = c.inputs[1].values;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (i % 2 == 0) target[i] = target[i] < 0.4 ? 1.0 : 0.0;
    if (missing_every && i % static_cast<std::size_t>(missing_every) == 0) target[i] = -1.0;
  }
  if (pos_weight) c.inputs.push_back(constant(data.uniform("pos_weight", {classes}, 0.5, 3.0)));
  c.function = [reduction](const Variables& v) {
    return bce_with_logits(v[0], v[1].value(), v.size() > 2 ? v[2].value() : Tensor(), {reduction});
  };
  c.reduction = n * classes;
  c.flops = 10.0 * static_cast<double>(n * classes);
  c.backward_flops = 6.0 * static_cast<double>(n * classes);
  return c;
}

std::vector<Config> bce_configs(std::uint64_t seed) {
  Data data(seed, "bce_with_logits");
  std::vector<Config> list;
  for (Reduction r : {Reduction::mean, Reduction::sum, Reduction::none})
    for (bool weight : {false, true}) {
      list.push_back(bce_config(data, 13, 7, r, weight, 0));
      list.push_back(bce_config(data, 5, 14, r, weight, 3));
      list.push_back(bce_config(data, 3, 5, r, weight, 1));  // no label at all
      list.push_back(bce_config(data, 1, 1, r, weight, 0, 40.0));
      list.push_back(bce_config(data, 211, 13, r, weight, 4));
    }
  return list;
}

}  // namespace

std::vector<Case> loss_cases() {
  return {softmax_case("softmax", false),
          softmax_case("log_softmax", true),
          {"softmax_cross_entropy",
           {"softmax_cross_entropy", "softmax_cross_entropy_backward"},
           entropy_configs,
           [](std::uint64_t seed) {
             Data data(seed, "large");
             return std::vector<Config>{entropy_config(data, 1024, 1000, {}, false)};
           }},
          {"bce_with_logits", {"bce_with_logits", "bce_with_logits_backward"}, bce_configs, [](std::uint64_t seed) {
             Data data(seed, "large");
             return std::vector<Config>{bce_config(data, 65536, 14, Reduction::mean, true, 5)};
           }}};
}

}  // namespace engine::conformance

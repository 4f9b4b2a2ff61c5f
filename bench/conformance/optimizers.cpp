// sgd_, adam_, rmsprop_, ema_, clip_grad_norm_.
#include <cmath>
#include <limits>

#include "bench/conformance/data.h"

namespace engine::conformance {
namespace {

using List = std::vector<Config>;
using Run = std::function<void(Backend&, const std::vector<OptimizerSlot>&, const UpdateNumbers&)>;

constexpr double infinity = std::numeric_limits<double>::infinity();

// Which update it is, and what norm its gradients are said to have.
struct When {
  std::int64_t count = 7;
  double norm = 1.0;
  std::string str() const { return fmt::format("update {}{}", count, std::isfinite(norm) ? "" : " held back"); }
};

const std::vector<Shape>& small() {
  static const std::vector<Shape> list = {{1}, {31}, {5, 3, 3, 3}, {33, 7}};
  return list;
}
// Enough elements for a second thread, whose range begins inside a parameter.
const std::vector<Shape>& larger() {
  static const std::vector<Shape> list = {{193, 211}, {7}};
  return list;
}
const std::vector<Shape>& resnet_like() {
  static const std::vector<Shape> list = {{512, 512, 3, 3}, {2048, 1024, 1, 1}, {1000, 2048}, {2048}};
  return list;
}

std::string sizes_of(const std::vector<Shape>& shapes) {
  std::string s = ":";
  for (const Shape& shape : shapes) s += " " + shape.str();
  return s;
}

// Per parameter: param, grad, m, v. Two groups with different rates and decays.
Config optimizer_config(std::string name, Data& data, const std::vector<Shape>& shapes, bool m, bool v, When when,
                        Run run, double flops_each) {
  Config c;
  c.name = std::move(name) + when.str() + sizes_of(shapes);
  double n = 0;
  for (const Shape& s : shapes) {
    c.inputs.push_back(parameter(data.normal("param", s)));
    c.inputs.push_back(constant(data.normal("grad", s)));
    if (m) c.inputs.push_back(parameter(data.normal("m", s, 0.0, 0.5)));
    if (v) c.inputs.push_back(parameter(data.uniform("v", s, 0.1, 1.0)));
    n += static_cast<double>(s.numel());
  }
  c.direct = [=, count = shapes.size()](Backend& b, const Tensors& in) {
    std::vector<OptimizerSlot> slots(count);
    std::size_t next = 0;
    for (std::size_t i = 0; i < count; ++i) {
      OptimizerSlot& s = slots[i];
      s.param = in[next++];
      s.grad = in[next++];
      if (m) s.m = in[next++];
      if (v) s.v = in[next++];
      s.lr_mult = i % 2 ? 1.0 : 0.3;
      s.weight_decay = i % 2 ? 0.0 : 0.05;
    }
    run(b, slots, update_numbers(0.1, when.count, b.device(), full({}, when.norm, DType::f32, b.device())));
    return Tensors{};
  };
  c.terms = 1.0;
  c.flops = n * flops_each;
  return c;
}

Config sgd_config(Data& data, const std::vector<Shape>& shapes, const SgdParams& p, const When& when = {}) {
  return optimizer_config(
      fmt::format("momentum {} dampening {}{}, ", p.momentum, p.dampening, p.nesterov ? " nesterov" : ""), data, shapes,
      p.momentum != 0.0, false, when,
      [p](Backend& b, const std::vector<OptimizerSlot>& s, const UpdateNumbers& now) { b.sgd_(s, p, now); }, 6.0);
}

List sgd_configs(std::uint64_t seed) {
  Data data(seed, "sgd_");
  return {sgd_config(data, small(), {}),
          sgd_config(data, small(), {0.9, 0.0, false}, {.count = 1}),
          sgd_config(data, small(), {0.9, 0.0, false}),
          sgd_config(data, small(), {0.9, 0.0, false}, {.norm = infinity}),
          sgd_config(data, small(), {0.9, 0.5, false}),
          sgd_config(data, small(), {0.9, 0.5, false}, {.count = 1}),
          sgd_config(data, small(), {0.9, 0.0, true}, {.count = 1}),
          sgd_config(data, small(), {0.9, 0.0, true}),
          sgd_config(data, larger(), {0.9, 0.0, false})};
}

Config adam_config(Data& data, const std::vector<Shape>& shapes, const AdamParams& p, const When& when = {}) {
  return optimizer_config(
      fmt::format("{}betas {} {}, ", p.decoupled ? "decoupled " : "", p.beta1, p.beta2), data, shapes, true, true, when,
      [p](Backend& b, const std::vector<OptimizerSlot>& s, const UpdateNumbers& now) { b.adam_(s, p, now); }, 14.0);
}

List adam_configs(std::uint64_t seed) {
  Data data(seed, "adam_");
  List list;
  for (bool decoupled : {false, true})
    for (std::int64_t count : {1, 3, 100000}) {
      AdamParams p;
      p.decoupled = decoupled;
      list.push_back(adam_config(data, small(), p, {.count = count}));
      p.beta1 = 0.8;
      p.beta2 = 0.99;
      p.eps = 0.1;
      list.push_back(adam_config(data, small(), p, {.count = count}));
    }
  list.push_back(adam_config(data, small(), {.beta1 = 0.0}, {.count = 2}));
  list.push_back(adam_config(data, small(), {}, {.norm = std::nan("")}));
  list.push_back(adam_config(data, larger(), {}));
  return list;
}

Config rmsprop_config(Data& data, const std::vector<Shape>& shapes, const RmspropParams& p, const When& when = {}) {
  return optimizer_config(
      fmt::format("alpha {} eps {} momentum {}, ", p.alpha, p.eps, p.momentum), data, shapes, p.momentum != 0.0, true,
      when, [p](Backend& b, const std::vector<OptimizerSlot>& s, const UpdateNumbers& now) { b.rmsprop_(s, p, now); },
      9.0);
}

Config ema_config(Data& data, const std::vector<Shape>& shapes, double decay, double norm = 1.0) {
  Config c;
  c.name = fmt::format("decay {}, norm {}", decay, norm) + sizes_of(shapes);
  for (const Shape& s : shapes) {
    c.inputs.push_back(parameter(data.normal("average", s)));
    c.inputs.push_back(constant(data.normal("value", s)));
    c.flops += 3.0 * static_cast<double>(s.numel());
  }
  c.direct = [decay, norm](Backend& b, const Tensors& in) {
    Tensors averages, values;
    for (std::size_t i = 0; i < in.size(); i += 2) {
      averages.push_back(in[i]);
      values.push_back(in[i + 1]);
    }
    b.ema_(averages, values, decay, full({}, norm, DType::f32, b.device()));
    return Tensors{};
  };
  return c;
}

Config clip_config(Data& data, const std::vector<Shape>& shapes, double max_norm, double loss_scale = 1.0) {
  Config c;
  c.name = fmt::format("max {} loss scale {}", max_norm, loss_scale) + sizes_of(shapes);
  for (const Shape& s : shapes) {
    c.inputs.push_back(written(data.normal("grad", s)));
    c.reduction += s.numel();
    c.flops += 3.0 * static_cast<double>(s.numel());
  }
  c.direct = [max_norm, loss_scale](Backend& b, const Tensors& in) {
    const Tensor scale = loss_scale == 1.0 ? Tensor{} : full({}, loss_scale, DType::f32, b.device());
    return Tensors{b.clip_grad_norm_(in, max_norm, scale)};
  };
  return c;
}

}  // namespace

std::vector<Case> optimizer_cases() {
  return {
      {"sgd_",
       {"sgd_"},
       sgd_configs,
       [](std::uint64_t seed) {
         Data data(seed, "large");
         return List{sgd_config(data, resnet_like(), {0.9, 0.0, false})};
       }},
      {"adam_",
       {"adam_"},
       adam_configs,
       [](std::uint64_t seed) {
         Data data(seed, "large");
         return List{adam_config(data, resnet_like(), {})};
       }},
      {"rmsprop_",
       {"rmsprop_"},
       [](std::uint64_t seed) {
         Data data(seed, "rmsprop_");
         return List{rmsprop_config(data, small(), {}), rmsprop_config(data, small(), {0.9, 0.0316, 0.9}),
                     rmsprop_config(data, small(), {0.5, 0.1, 0.0}),
                     rmsprop_config(data, small(), {0.9, 0.1, 0.9}, {.norm = -infinity}), rmsprop_config(data, larger(), {})};
       },
       [](std::uint64_t seed) {
         Data data(seed, "large");
         return List{rmsprop_config(data, resnet_like(), {0.9, 0.0316, 0.9})};
       }},
      {"ema_",
       {"ema_"},
       [](std::uint64_t seed) {
         Data data(seed, "ema_");
         return List{ema_config(data, small(), 0.99), ema_config(data, {{2, 17, 5, 3}}, 0.3),
                     ema_config(data, larger(), 0.9), ema_config(data, small(), 0.0),
                     ema_config(data, small(), 0.9, std::nan(""))};
       },
       [](std::uint64_t seed) {
         Data data(seed, "large");
         return List{ema_config(data, resnet_like(), 0.999)};
       }},
      {"clip_grad_norm_",
       {"clip_grad_norm_"},
       [](std::uint64_t seed) {
         Data data(seed, "clip_grad_norm_");
         return List{clip_config(data, small(), 1.0), clip_config(data, small(), 1e6), clip_config(data, {{1}}, 1e-3),
                     clip_config(data, small(), infinity),
                     clip_config(data, small(), infinity, 2.5),
                     clip_config(data, small(), 1.0, 3.0), clip_config(data, larger(), 0.5)};
       },
       [](std::uint64_t seed) {
         Data data(seed, "large");
         return List{clip_config(data, resnet_like(), 1.0)};
       }},
  };
}

}  // namespace engine::conformance

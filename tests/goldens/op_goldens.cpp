#include "tests/goldens/op_goldens.h"

#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/autograd/functions.h"
#include "engine/autograd/tape.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"
#include "kernels/backend.h"
#include "tests/goldens/compare.h"

namespace engine::goldens {
namespace {

using nlohmann::json;
using Results = std::map<std::string, std::vector<double>>;

// One case: its inputs as variables, and what came out under the names of the JSON.
class Case {
 public:
  Case(const json& j, const SafetensorsFile& file, Device device)
      : json_(j), file_(file), device_(device), dtype_(device == Device::reference ? DType::f64 : DType::f32) {}

  const json& attrs() const { return json_.at("attrs"); }
  bool has(const char* input) const { return json_.at("inputs").contains(input); }
  Tensor tensor(const std::string& input) const {
    const auto key = json_.at("inputs").at(input).get<std::string>();
    return from_vector(file_.values<double>(key), file_.at(key).shape, device_, dtype_);
  }
  Tensor integers(const std::string& input) const {
    const auto key = json_.at("inputs").at(input).get<std::string>();
    return from_vector(file_.values<std::int64_t>(key), file_.at(key).shape, device_);
  }
  Tensor optional(const char* input) const { return has(input) ? tensor(input) : Tensor(); }
  /// A leaf whose gradient will be compared; undefined where the case has no such input.
  const Variable& leaf(const std::string& input) {
    const auto it = leaves_.find(input);
    if (it != leaves_.end()) return it->second;
    return leaves_.emplace(input, has(input.c_str()) ? Variable(tensor(input), true) : Variable()).first->second;
  }
  std::vector<double> doubles(const std::string& key) const { return file_.values<double>(key); }

  void output(const std::string& name, const Tensor& t) { outputs_[name] = to_vector<double>(t); }
  void output(const std::string& name, std::vector<double> v) { outputs_[name] = std::move(v); }

  /// Compares the output and, where the case has a cotangent, the gradients of all leaves.
  void finish(const std::string& name, const Variable& y, Tape& tape) {
    output(name, y.value());
    if (!json_.contains("cotangents") || !json_["cotangents"].contains(name)) return;
    const auto key = json_["cotangents"][name].get<std::string>();
    tape.backward(y, from_vector(doubles(key), y.shape(), device_, dtype_));
    for (const auto& [input, variable] : leaves_)
      if (variable.defined() && variable.grad().defined()) gradients_[input] = to_vector<double>(variable.grad());
  }

  GoldenResult compare() const {
    GoldenResult r;
    compare_group("", json_.at("outputs"), outputs_, r);
    if (json_.contains("gradients")) compare_group("gradient of ", json_["gradients"], gradients_, r);
    return r;
  }

 private:
  void compare_group(const std::string& kind, const json& expected, const Results& found, GoldenResult& r) const {
    for (const auto& [name, e] : expected.items()) {
      const std::string what = json_.at("name").get<std::string>() + " " + std::string(name_of(device_)) + ": " + kind + name;
      const auto it = found.find(name);
      if (it == found.end()) {
        r.check(false, what + " was not computed");
        continue;
      }
      const double error = relative_l2(it->second, doubles(e.at("tensor").get<std::string>()));
      const double bound = device_ == Device::reference ? 1e-6 : allowed(e.at("fp32").at("rel_l2").get<double>());
      r.check(error <= bound, fmt::format("{}: rel_l2 {:.3g}, bound {:.3g}", what, error, bound));
    }
  }

  const json& json_;
  const SafetensorsFile& file_;
  Device device_;
  DType dtype_;
  std::map<std::string, Variable> leaves_;
  Results outputs_, gradients_;
};

std::array<std::int64_t, 2> pair_of(const json& v) {
  if (v.is_array()) return {v[0].get<std::int64_t>(), v[1].get<std::int64_t>()};
  return {v.get<std::int64_t>(), v.get<std::int64_t>()};
}

Padding2d padding_of(const json& v) {
  const auto p = pair_of(v);
  return {p[0], p[0], p[1], p[1]};
}

std::vector<int> axes_of(const json& v, int rank) {
  std::vector<int> axes;
  for (const auto& a : v) axes.push_back(a.get<int>() < 0 ? a.get<int>() + rank : a.get<int>());
  return axes;
}

Pool2dParams pool_of(const json& a) {
  Pool2dParams p;
  p.kernel = pair_of(a.at("kernel"));
  p.stride = pair_of(a.at("stride"));
  p.padding = padding_of(a.at("padding"));
  p.ceil_mode = a.at("ceil_mode").get<bool>();
  p.count_include_pad = a.value("count_include_pad", true);
  return p;
}

void convolution(Case& c) {
  Conv2dParams p;
  p.stride = pair_of(c.attrs().at("stride"));
  p.padding = padding_of(c.attrs().at("padding"));
  p.dilation = pair_of(c.attrs().at("dilation"));
  p.groups = c.attrs().at("groups").get<std::int64_t>();
  Tape tape;
  c.finish("y", conv2d(c.leaf("x"), c.leaf("w"), c.leaf("b"), p), tape);
}

void batch_norm_in_training(Case& c) {
  BatchNormParams p;
  p.eps = c.attrs().at("eps").get<double>();
  p.momentum = c.attrs().at("momentum").get<double>();
  const RunningStatistics running{c.tensor("running_mean"), c.tensor("running_var")};
  const int steps = c.attrs().at("steps").get<int>();
  const auto note = [&](int step) {
    c.output("running_mean_" + std::to_string(step), running.mean);
    c.output("running_var_" + std::to_string(step), running.var);
  };
  Tape tape;
  c.finish("y", batch_norm_train(c.leaf("x"), {}, c.leaf("weight"), c.leaf("bias"), running, p), tape);
  note(1);
  for (int step = 2; step <= steps; ++step) {
    const Variable x(c.tensor("x_step" + std::to_string(step)));
    batch_norm_train(x, {}, c.leaf("weight"), c.leaf("bias"), running, p);
    note(step);
  }
}

void batch_norm_in_evaluation(Case& c) {
  BatchNormParams p;
  p.eps = c.attrs().at("eps").get<double>();
  Tape tape;
  c.finish("y", batch_norm_eval(c.leaf("x"), {}, c.leaf("weight"), c.leaf("bias"),
                                {c.tensor("running_mean"), c.tensor("running_var")}, p), tape);
}

void maximum_pool(Case& c) {
  const Pool2dParams p = pool_of(c.attrs());
  Tape tape;
  const Tensor x = c.tensor("x");
  const MaxPoolResult r = backend_of(x).max_pool2d(x, p);
  // The goldens count positions in the input plane, we count them in the window.
  std::vector<double> flat;
  const auto offsets = to_vector<std::int64_t>(r.argmax);
  const Shape& s = r.y.shape();
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const std::int64_t ox = static_cast<std::int64_t>(i) % s[3], oy = static_cast<std::int64_t>(i) / s[3] % s[2];
    const std::int64_t iy = oy * p.stride[0] - p.padding.top + offsets[i] / p.kernel[1];
    const std::int64_t ix = ox * p.stride[1] - p.padding.left + offsets[i] % p.kernel[1];
    flat.push_back(static_cast<double>(iy * x.dim(3) + ix));
  }
  c.output("argmax", flat);
  c.finish("y", max_pool2d(c.leaf("x"), p), tape);
}

void cross_entropy(Case& c) {
  CrossEntropyParams p;
  p.label_smoothing = c.attrs().at("label_smoothing").get<double>();
  if (!c.attrs().at("ignore_index").is_null()) p.ignore_index = c.attrs()["ignore_index"].get<std::int64_t>();
  p.reduction = c.attrs().at("reduction") == "sum" ? Reduction::sum : Reduction::mean;
  Tape tape;
  c.finish("loss", softmax_cross_entropy(c.leaf("x"), c.integers("target"), c.optional("weight"), p), tape);
}

void reduction(Case& c, bool average) {
  const auto axes = axes_of(c.attrs().at("axes"), c.leaf("x").shape().rank());
  const bool keep = c.attrs().at("keepdims").get<bool>();
  Tape tape;
  c.finish("y", average ? mean(c.leaf("x"), axes, keep) : sum(c.leaf("x"), axes, keep), tape);
}

// A parameter and an optimiser over it, fed with the case's gradients.
void optimizer(Case& c, OptimizerKind kind) {
  const json& a = c.attrs();
  nn::Parameter p{"p", nn::ParameterKind::conv_weight, Variable(c.tensor("p"), true)};
  OptimizerOptions o;
  o.kind = kind;
  o.lr = a.at("lr").get<double>();
  o.weight_decay = a.value("weight_decay", 0.0);
  o.momentum = a.value("momentum", 0.0);
  o.dampening = a.value("dampening", 0.0);
  o.nesterov = a.value("nesterov", false);
  if (a.contains("betas")) o.beta1 = a["betas"][0].get<double>(), o.beta2 = a["betas"][1].get<double>();
  o.eps = a.value("eps", 1e-8);
  o.alpha = a.value("alpha", 0.99);
  Optimizer optimizer({&p}, o);
  for (int step = 1; c.has(("g" + std::to_string(step)).c_str()); ++step) {
    p.variable.clear_grad();
    p.variable.gradient()->accumulate(c.tensor("g" + std::to_string(step)));
    optimizer.step();
    c.output("p" + std::to_string(step), p.variable.value());
  }
}

void clipping(Case& c) {
  std::vector<Tensor> grads;
  for (int i = 0; c.has(("g" + std::to_string(i)).c_str()); ++i) grads.push_back(c.tensor("g" + std::to_string(i)));
  c.output("norm", backend_of(grads[0]).clip_grad_norm_(grads, c.attrs().at("max_norm").get<double>(), {}));
  for (std::size_t i = 0; i < grads.size(); ++i) c.output("clipped" + std::to_string(i), grads[i]);
}

void moving_average(Case& c) {
  const Tensor average = c.tensor("w0");
  for (int i = 1; c.has(("w" + std::to_string(i)).c_str()); ++i) {
    backend_of(average).ema_({average}, {c.tensor("w" + std::to_string(i))}, c.attrs().at("decay").get<double>(), {});
    c.output("ema" + std::to_string(i), average);
  }
}

template <class F>
std::function<void(Case&)> of_x(F f) {
  return [f](Case& c) {
    Tape tape;
    c.finish("y", f(c, c.leaf("x")), tape);
  };
}

const std::map<std::string, std::function<void(Case&)>>& runners() {
  static const std::map<std::string, std::function<void(Case&)>> table = [] {
    std::map<std::string, std::function<void(Case&)>> t;
    t["conv2d"] = convolution;
    t["batch_norm_train"] = batch_norm_in_training;
    t["batch_norm_eval"] = batch_norm_in_evaluation;
    t["max_pool2d"] = maximum_pool;
    t["softmax_cross_entropy"] = cross_entropy;
    t["clip_grad_norm"] = clipping;
    t["ema"] = moving_average;
    t["mean"] = [](Case& c) { reduction(c, true); };
    t["sum"] = [](Case& c) { reduction(c, false); };
    t["sgd"] = [](Case& c) { optimizer(c, OptimizerKind::sgd); };
    t["adam"] = [](Case& c) { optimizer(c, OptimizerKind::adam); };
    t["adamw"] = [](Case& c) { optimizer(c, OptimizerKind::adamw); };
    t["rmsprop"] = [](Case& c) { optimizer(c, OptimizerKind::rmsprop); };
    for (int k = 0; k < activation_count; ++k) {
      const auto kind = static_cast<Activation>(k);
      t[std::string(name_of(kind))] = of_x([kind](Case& c, const Variable& x) {
        return activation(x, {kind, c.attrs().value("slope", 0.01)});
      });
    }
    t["add"] = [](Case& c) { Tape tape; c.finish("y", add(c.leaf("a"), c.leaf("b")), tape); };
    t["mul"] = [](Case& c) { Tape tape; c.finish("y", mul(c.leaf("a"), c.leaf("b")), tape); };
    t["concat"] = [](Case& c) {
      Tape tape;
      std::vector<Variable> xs;
      for (const char* name : {"a", "b", "c"})
        if (c.has(name)) xs.push_back(c.leaf(name));
      c.finish("y", concat(xs, c.attrs().at("axis").get<int>()), tape);
    };
    t["avg_pool2d"] = of_x([](Case& c, const Variable& x) { return avg_pool2d(x, pool_of(c.attrs())); });
    t["adaptive_avg_pool2d"] = of_x([](Case& c, const Variable& x) {
      const auto size = pair_of(c.attrs().at("output"));
      return adaptive_avg_pool2d(x, size[0], size[1]);
    });
    t["resize_bilinear"] = of_x([](Case& c, const Variable& x) {
      const auto size = pair_of(c.attrs().at("size"));
      return resize_bilinear(x, size[0], size[1]);
    });
    t["linear"] = of_x([](Case& c, const Variable& x) { return linear(x, c.leaf("w"), c.leaf("b")); });
    t["softmax"] = of_x([](Case& c, const Variable& x) { return softmax(x, c.attrs().at("axis").get<int>()); });
    t["log_softmax"] = of_x([](Case& c, const Variable& x) { return log_softmax(x, c.attrs().at("axis").get<int>()); });
    t["layer_norm"] = of_x([](Case& c, const Variable& x) {
      return layer_norm(x, c.leaf("weight"), c.leaf("bias"), static_cast<int>(c.attrs().at("axes").size()),
                        c.attrs().at("eps").get<double>());
    });
    t["bce_with_logits"] = [](Case& c) {
      Tape tape;
      c.finish("loss", bce_with_logits(c.leaf("x"), c.tensor("target"), c.optional("pos_weight")), tape);
    };
    return t;
  }();
  return table;
}

ScheduleOptions schedule_of(const std::string& name, const json& j) {
  ScheduleOptions o;
  o.base_lr = j.at("base_lr").get<double>();
  o.gamma = j.value("gamma", o.gamma);
  o.step_size = j.value("step_size", o.step_size);
  o.t_max = j.value("T_max", o.t_max);
  o.eta_min = j.value("eta_min", o.eta_min);
  o.milestones = j.value("milestones", o.milestones);
  o.warmup_epochs = j.value("warmup_epochs", 0.0);
  o.warmup_start_factor = j.value("warmup_start_factor", o.warmup_start_factor);
  o.factor = j.value("factor", o.factor);
  o.patience = j.value("patience", o.patience);
  o.threshold = j.value("threshold", o.threshold);
  o.cooldown = j.value("cooldown", o.cooldown);
  o.min_lr = j.value("min_lr", o.min_lr);
  const std::map<std::string, ScheduleKind> kinds{{"step", ScheduleKind::step}, {"multi_step", ScheduleKind::multi_step},
                                                  {"cosine", ScheduleKind::cosine}, {"cosine_warmup", ScheduleKind::cosine},
                                                  {"exponential", ScheduleKind::exponential},
                                                  {"reduce_on_plateau", ScheduleKind::plateau}};
  o.kind = kinds.at(name);
  return o;
}

}  // namespace

GoldenResult run_op_goldens(const std::filesystem::path& folder, Device device, const std::string& only) {
  const json index = json::parse(read_text(folder / "ops.json"));
  const SafetensorsFile file(folder / "ops.safetensors");
  GoldenResult total;
  for (const json& j : index.at("cases")) {
    const auto name = j.at("name").get<std::string>(), op = j.at("op").get<std::string>();
    if (name.find(only) == std::string::npos) continue;
    const auto runner = runners().find(op);
    if (runner == runners().end()) {
      total.skipped.push_back(name + ": operator " + op + " is not in this build");
      continue;
    }
    try {
      Case c(j, file, device);
      runner->second(c);
      total.add(c.compare());
    } catch (const std::exception& e) {
      total.check(false, name + ": " + e.what());
    }
  }
  return total;
}

GoldenResult run_schedule_goldens(const std::filesystem::path& folder, const std::string& only) {
  const json index = json::parse(read_text(folder / "ops.json"));
  GoldenResult r;
  for (const auto& [name, j] : index.at("schedules").items()) {
    if (("schedules/" + name).find(only) == std::string::npos) continue;
    Schedule schedule(schedule_of(name, j));
    const auto expected = j.at("lr").get<std::vector<double>>();
    for (std::size_t e = 0; e < expected.size(); ++e) {
      const double rate = schedule.rate(static_cast<double>(e));
      r.check(std::abs(rate - expected[e]) <= 1e-12 * std::abs(expected[e]),
              fmt::format("schedules/{} epoch {}: {:.17g}, expected {:.17g}", name, e, rate, expected[e]));
      if (j.contains("losses")) schedule.observe(static_cast<double>(e), j["losses"][e].get<double>());
    }
  }
  return r;
}

}  // namespace engine::goldens

#include "tests/goldens/model_goldens.h"

#include <map>
#include <nlohmann/json.hpp>

#include "engine/autograd/tape.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/optim/optimizer.h"
#include "kernels/backend.h"
#include "models/registry.h"
#include "tests/goldens/compare.h"
#include "tests/goldens/fill.h"

namespace engine::goldens {
namespace {

using nlohmann::json;

// A pre-activation within rounding of 0 goes the other way in one f32 run and not in another, and moves the gradients
// below it by up to this much. The double run is the sharp test of gradients.
constexpr double flip = 0.1;

struct Figure {
  std::string what;
  double error, bound;

  std::string str() const { return fmt::format("{}: {:.3g}, bound {:.3g}", what, error, bound); }
};

class ModelCase {
 public:
  ModelCase(std::string name, const std::string& network, const json& j, const SafetensorsFile& file, Device device)
      : name_(std::move(name)),
        json_(j),
        file_(file),
        device_(device),
        exact_(device == Device::reference),
        dtype_(exact_ ? DType::f64 : DType::f32),
        prefix_(j.at("fill_prefix").get<std::string>()),
        network_(network) {}

  GoldenResult run() {
    build();
    check_counts();
    check_pass("eval", false);
    if (!json_.contains("train")) return result_;
    build();
    check_pass("train", true);
    check_gradients();
    check_running();
    check_descent("sgd10_calm", true);
    check_descent("sgd10", false);
    return result_;
  }

 private:
  std::vector<std::int64_t> input() const { return json_.at("input").get<std::vector<std::int64_t>>(); }

  // A variant moves weights (and, see images(), pictures) by at most one unit in the last place.
  void build(const std::string& variant = "") {
    variant_ = variant;
    const auto shape = input();
    model_ = models::make_model(network_, {json_.at("classes").get<std::int64_t>(), shape[1]});
    model_->to(device_, dtype_);
    const auto filled = [&](const json& entry, const std::string& name, const Tensor& old) {
      const auto& fan_in = entry.value("fan_in", json());
      auto values = fill(prefix_ + name, entry.at("kind").get<std::string>(), old.numel(),
                               fan_in.is_null() ? 1 : fan_in.get<std::int64_t>(), entry.value("gain", 1.0));
      if (!variant_.empty()) nudge(values, variant_, name);
      return from_vector(values, old.shape(), device_, dtype_);
    };
    for (nn::Parameter* p : model_->parameters()) {
      const json* entry = json_.at("params").contains(p->name) ? &json_["params"][p->name] : nullptr;
      if (!entry || entry->at("shape").get<std::vector<std::int64_t>>() != p->variable.shape().dims())
        throw DataError("{}: parameter {} {} is not PyTorch's", name_, p->name, p->variable.shape().str());
      p->variable.set_value(filled(*entry, p->name, p->variable.value()));
    }
    for (nn::Buffer* b : model_->buffers()) b->value = filled(json_.at("buffers").at(b->name), b->name, b->value);
  }

  void check_counts() {
    check(nn::parameter_count(*model_) == json_.at("param_count").get<std::int64_t>() &&
              model_->parameters().size() == json_.at("params").size(),
          "number of parameters");
  }

  Variable images(int batch) const {
    const Shape shape(input());
    const std::string name = fmt::format("images/{}", batch);
    auto values = fill(prefix_ + name, "image", shape.numel());
    if (!variant_.empty()) nudge(values, variant_, name);
    return Variable(from_vector(values, shape, device_, dtype_));
  }
  Tensor labels(int batch) const {
    const std::int64_t n = input()[0];
    return from_vector(fill_labels(fmt::format("{}labels/{}", prefix_, batch), n, json_.at("classes").get<std::int64_t>()),
                       {n}, device_);
  }

  // Forward (and backward where training) on batch 0, with hooks on the blocks.
  void check_pass(const std::string& key, bool training) {
    const json& expected = json_.at(key);
    std::map<std::string, Tensor> blocks;
    // A model's first hook decides how batch norms run, so only modules the goldens name get one.
    for (const auto& b : expected.at("blocks")) {
      nn::Module* m = model_->find(b[0].get<std::string>());
      if (!m) {
        check(false, key + ": no module " + b[0].get<std::string>());
        continue;
      }
      m->add_hook([&blocks](const std::string& path, const Variable& y) { blocks[path] = y.value(); });
    }
    model_->set_training(training);
    Tape tape;
    const Variable features = model_->features(images(0));
    const Variable logits = model_->head()(features);
    compare_tensor(key + " logits", logits.value(), expected.at("logits"));
    compare_tensor(key + " features", features.value(), expected.at("features"));
    for (const auto& b : expected.at("blocks")) check_block(key, b, blocks[b[0].get<std::string>()]);
    for (nn::Module* m : model_->modules()) m->clear_hooks();
    if (!training) return;
    const Variable loss = softmax_cross_entropy(logits, labels(0));
    const double truth = expected.at("loss").get<double>(), value = scalar_value(loss.value());
    const double bound = exact_ ? 1e-6 : std::max(4.0 * std::abs(expected.at("loss_fp32").get<double>() - truth) / truth, 1e-5);
    check_figure(key + " loss", std::abs(value - truth) / truth, bound);
    tape.backward(loss);
  }

  void check_block(const std::string& key, const json& b, const Tensor& found) {
    if (!found.defined() || found.shape().dims() != b[1].get<std::vector<std::int64_t>>())
      return check(false, fmt::format("{} block {}: {}", key, b[0].get<std::string>(), found.str()));
    const auto values = to_vector<double>(found);
    double mean = 0.0, squares = 0.0;
    for (double v : values) mean += v;
    mean /= static_cast<double>(values.size());
    for (double v : values) squares += (v - mean) * (v - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
    const double error = std::max(std::abs(mean - b[2].get<double>()), std::abs(deviation - b[3].get<double>())) / b[3].get<double>();
    check_figure(fmt::format("{} block {}", key, b[0].get<std::string>()), error, exact_ ? 1e-6 : 1e-4);
  }

  // Stored are norm, sum and a few values: errors are measured on the scale of the tensor's root mean square.
  double sampled_error(const std::vector<double>& v, const json& e) const {
    double squares = 0.0, sum = 0.0;
    for (double x : v) squares += x * x, sum += x;
    const double norm = e.at("l2").get<double>(), scale = std::max(norm / std::sqrt(static_cast<double>(v.size())), 1e-12);
    double error = std::abs(std::sqrt(squares) - norm) / std::max(norm, 1e-9);
    double sampled = 0.0;
    const auto& positions = e.at("pos");
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const double d = v[positions[i].get<std::size_t>()] - e.at("values")[i].get<double>();
      sampled += d * d;
    }
    error = std::max(error, std::sqrt(sampled / static_cast<double>(positions.size())) / scale);
    return std::max(error, std::abs(sum - e.at("sum").get<double>()) / (scale * static_cast<double>(v.size())));
  }

  void check_gradients() {
    double squares = 0.0;
    for (nn::Parameter* p : model_->parameters()) {
      const auto values = to_vector<double>(p->variable.grad());
      for (double v : values) squares += v * v;
      const json& e = json_.at("grads").at(p->name);
      const double worst = e.at("fp32_worst").at("rel_l2").get<double>();
      check_figure("gradient of " + p->name, sampled_error(values, e), exact_ ? 1e-6 : std::max(allowed(worst), flip));
    }
    const json& total = json_.at("train").at("grad_total");
    const double truth = total.at("l2").get<double>();
    check_figure("norm of all gradients", std::abs(std::sqrt(squares) - truth) / truth,
                 exact_ ? 1e-6 : std::max(allowed(total.at("fp32_worst").at("rel_l2").get<double>()), flip));
  }

  void check_running() {
    for (nn::Buffer* b : model_->buffers()) {
      const json& e = json_.at("running_after_1").at(b->name);
      check_figure(b->name + " after a step", sampled_error(to_vector<double>(b->value), e),
                   exact_ ? 1e-6 : allowed(e.at("fp32_worst").at("rel_l2").get<double>()));
    }
  }

  // One f32 run may go another way than double does where two values of a pooling window lie within rounding of each
  // other in the first step, and every later loss shows it: on AVX-512 PyTorch's own run of cbr_tiny is 2.9e-5 from
  // the truth at loss 6, and ours 3.1e-5, above the bound that PyTorch's luckier runs gave. So a run that misses is
  // repeated with values moved by one unit in the last place: an error misses every time, a flip goes away.
  void check_descent(const std::string& key, bool calm) {
    const std::vector<Figure> figures = descend(key, calm, "");
    if (exact_ || within_bounds(figures)) return check_figures(figures);
    constexpr int runs = 4;
    int good = 0;
    for (int i = 1; i <= runs; ++i) good += within_bounds(descend(key, calm, fmt::format("ulp_{}", i)));
    for (const Figure& f : figures) {
      const bool flipped = good >= runs - 1 && f.error <= 10.0 * f.bound;
      if (f.error > f.bound && flipped)
        result_.flips.push_back(fmt::format("{} {}: {}; {} of {} runs with values moved by one unit in the last place "
                                            "stay within all bounds", name_, name_of(device_), f.str(), good, runs));
      check(f.error <= f.bound || flipped, f.str());
    }
  }

  // Ten steps from the filled weights: how far each loss and, where calm, the final logits are from the truth.
  std::vector<Figure> descend(const std::string& key, bool calm, const std::string& variant) {
    const json& j = json_.at(key);
    build(variant);
    std::vector<Figure> figures;
    model_->set_training(true);
    OptimizerOptions o;
    o.lr = j.at("lr").get<double>();
    o.momentum = j.at("momentum").get<double>();
    o.weight_decay = j.at("weight_decay").get<double>();
    o.decay_norm_and_bias = true;
    Optimizer optimizer(model_->parameters(), o);
    const auto batches = j.at("batches").get<std::vector<int>>();
    const auto truth = j.at("losses").get<std::vector<double>>(), worst = j.at("fp32_worst_rel").get<std::vector<double>>();
    for (std::size_t i = 0; i < batches.size(); ++i) {
      // Even in double the late steps of ResNet-50's sgd10 drift, and where f32 runs differ by more than this the step
      // says nothing.
      const bool mute = worst[i] > 0.05;
      if (mute && !calm && !exact_) break;
      Tape tape;
      const Variable loss = softmax_cross_entropy((*model_)(images(batches[i])), labels(batches[i]));
      const double error = std::abs(scalar_value(loss.value()) - truth[i]) / truth[i];
      const double exact_bound = calm || !mute ? 1e-6 : 1e-2;
      figures.push_back(
          {fmt::format("{} loss {}", key, i), error, exact_ ? exact_bound : std::max(4.0 * worst[i], 1e-5)});
      tape.backward(loss);
      optimizer.step();
      optimizer.clear_grads();
    }
    if (!calm) return figures;
    model_->set_training(false);
    figures.push_back(compared(key + " logits", (*model_)(images(0)).value(), j.at("final_logits")));
    return figures;
  }

  Figure compared(const std::string& what, const Tensor& found, const json& e) const {
    const auto truth = file_.values<double>(e.at("tensor").get<std::string>());
    const double bound = exact_ ? 1e-6 : allowed(e.at("fp32_worst").at("rel_l2").get<double>());
    return {what, relative_l2(to_vector<double>(found), truth), bound};
  }
  void compare_tensor(const std::string& what, const Tensor& found, const json& e) {
    const Figure f = compared(what, found, e);
    check_figure(f.what, f.error, f.bound);
  }

  static bool within_bounds(const std::vector<Figure>& figures) {
    return std::all_of(figures.begin(), figures.end(), [](const Figure& f) { return f.error <= f.bound; });
  }
  void check_figures(const std::vector<Figure>& figures) {
    for (const Figure& f : figures) check_figure(f.what, f.error, f.bound);
  }
  void check_figure(const std::string& what, double error, double bound) {
    const Figure f{what, error, bound};
    check(error <= bound, f.str());
  }
  void check(bool ok, const std::string& what) {
    result_.check(ok, fmt::format("{} {}: {}", name_, name_of(device_), what));
  }

  std::string name_;
  const json& json_;
  const SafetensorsFile& file_;
  Device device_;
  bool exact_;
  DType dtype_;
  std::string prefix_, network_, variant_;
  std::unique_ptr<models::Classifier> model_;
  GoldenResult result_;
};

}  // namespace

GoldenResult run_model_goldens(const std::filesystem::path& folder, Device device, const std::string& only) {
  const json index = json::parse(read_text(folder / "models.json"));
  const SafetensorsFile file(folder / "models.safetensors");
  GoldenResult total;
  for (const auto& [name, j] : index.at("models").items()) {
    if (("models/" + name).find(only) == std::string::npos) continue;
    const auto network = j.at("model").get<std::string>();
    bool known = false;
    for (const auto& info : models::model_list()) known = known || info.name == network;
    if (!known) {
      total.skipped.push_back(fmt::format("models/{}: {} is not in this build", name, network));
      continue;
    }
    try {
      total.add(ModelCase(name, network, j, file, device).run());
    } catch (const std::exception& e) {
      total.check(false, fmt::format("models/{} {}: {}", name, name_of(device), e.what()));
    }
  }
  return total;
}

}  // namespace engine::goldens

// Modules: functions with named parameters and buffers, nested like torchvision's so that weights match by name.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/autograd/functions.h"
#include "kernels/observe.h"

namespace engine::nn {

/// What a parameter is to its layer: decides initialisation and whether weight decay applies.
enum class ParameterKind : std::uint8_t { conv_weight, linear_weight, bias, norm_weight, norm_bias };

/// A trainable tensor. `trainable` is the optimiser's switch and independent of batch-norm statistics.
struct Parameter {
  std::string name;  ///< full path, "layer1.0.conv1.weight"
  ParameterKind kind = ParameterKind::bias;
  Variable variable;

  bool trainable() const { return variable.requires_grad(); }
  /// Its numbers in another floating type, kept until they change.
  const Tensor& rounded(DType dtype);

  /// What rounded() keeps.
  struct Rounded {
    Tensor copy;
    std::uint64_t storage = 0, version = 0;  ///< id and version of the storage it was made from
  } kept{};
};

/// Fills what Parameter::rounded() keeps, where it is not there yet, in one pass over all of them.
void round_parameters(const std::vector<Parameter*>& parameters, DType dtype);

/// State that no gradient reaches: running statistics.
struct Buffer {
  std::string name;
  Tensor value;
};

/// Called with a module's path and its output each time it has run.
using ForwardHook = std::function<void(const std::string& path, const Variable& output)>;

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Runs forward() under this module's name (messages, profiles) and then the hooks.
  Variable operator()(const Variable& x);
  /// One line for tables: "Conv2d(3, 64, 7x7, stride 2, padding 3)".
  virtual std::string describe() const = 0;

  /// Dotted path from the root; empty for the root itself.
  std::string path() const;
  bool training() const { return training_; }
  /// Training or evaluation mode, for this module and all below.
  void set_training(bool on);

  /// In registration order, depth first: the order of torchvision's state_dict.
  std::vector<Parameter*> parameters();
  std::vector<Buffer*> buffers();
  /// All modules, this one included, with the parent before its children.
  std::vector<Module*> modules();
  /// The module with this path below this one, or null.
  Module* find(std::string_view path);

  /// Moves parameters and buffers, and converts them; gradients are dropped.
  void to(Device device, DType dtype = DType::f32);

  /// Stays until clear_hooks(); ScopedHook is the one that goes by itself.
  void add_hook(ForwardHook hook) { hooks_.push_back(std::make_shared<ForwardHook>(std::move(hook))); }
  void clear_hooks() { hooks_.clear(); }

 protected:
  virtual Variable forward(const Variable& x) = 0;
  /// What operator() does, for modules that take more than one input.
  template <class F>
  Variable run(F&& f);
  bool has_hooks() const { return !hooks_.empty(); }
  void call_hooks(const Variable& output) const;

  /// Creates a child, owned by this module.
  template <class M, class... Args>
  M& add(std::string name, Args&&... args) {
    auto child = std::make_unique<M>(std::forward<Args>(args)...);
    M& reference = *child;
    adopt(std::move(name), std::move(child));
    return reference;
  }
  void adopt(std::string name, std::unique_ptr<Module> child);
  /// Zeros, f32, on device cpu: see init.h for values.
  Parameter& add_parameter(std::string name, const Shape& shape, ParameterKind kind);
  Buffer& add_buffer(std::string name, const Shape& shape, double value);

 private:
  void collect_names(const std::string& prefix);

  std::string name_;
  Module* parent_ = nullptr;
  bool training_ = true;
  std::vector<std::unique_ptr<Module>> children_;
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<std::shared_ptr<ForwardHook>> hooks_;
  friend class ScopedHook;
};

/// A hook that is there for as long as this object lives, however it ends; the module outlives it.
class ScopedHook {
 public:
  ScopedHook(Module& module, ForwardHook hook);
  ~ScopedHook();
  ScopedHook(const ScopedHook&) = delete;
  ScopedHook& operator=(const ScopedHook&) = delete;

 private:
  Module& module_;
  std::shared_ptr<ForwardHook> hook_;
};

template <class F>
Variable Module::run(F&& f) {
  const LayerScope scope(path());
  Variable y = f();
  call_hooks(y);
  return y;
}

/// Makes every parameter whose path matches (ECMAScript regex, found anywhere) trainable or not. Returns how many
/// match; throws UsageError when none does, or when the expression is malformed.
int set_trainable(Module& root, const std::string& regex, bool trainable);

/// Rounds all weights but those of norms for activations of this type, in one pass; nothing where they have it. Without it
/// each is rounded when it is met.
void round_weights(Module& root, DType dtype);

/// Number of elements of all parameters.
std::int64_t parameter_count(Module& root);

}  // namespace engine::nn

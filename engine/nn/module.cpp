#include "engine/nn/module.h"

#include <regex>

#include "kernels/backend.h"

namespace engine::nn {

Variable Module::operator()(const Variable& x) {
  return run([&] { return forward(x); });
}

void Module::call_hooks(const Variable& output) const {
  for (const auto& hook : hooks_) (*hook)(path(), output);
}

ScopedHook::ScopedHook(Module& module, ForwardHook hook) : module_(module) {
  module_.add_hook(std::move(hook));
  hook_ = module_.hooks_.back();
}

ScopedHook::~ScopedHook() { std::erase(module_.hooks_, hook_); }

std::string Module::path() const {
  if (!parent_) return name_;
  const std::string above = parent_->path();
  return above.empty() ? name_ : above + "." + name_;
}

void Module::set_training(bool on) {
  for (Module* m : modules()) m->training_ = on;
}

void Module::adopt(std::string name, std::unique_ptr<Module> child) {
  child->name_ = std::move(name);
  child->parent_ = this;
  children_.push_back(std::move(child));
  // The names below became longer.
  Module* root = this;
  while (root->parent_) root = root->parent_;
  root->collect_names("");
}

void Module::collect_names(const std::string& prefix) {
  for (const auto& p : parameters_) p->name = prefix + p->name.substr(p->name.rfind('.') + 1);
  for (const auto& b : buffers_) b->name = prefix + b->name.substr(b->name.rfind('.') + 1);
  for (const auto& c : children_) c->collect_names(prefix + c->name_ + ".");
}

Parameter& Module::add_parameter(std::string name, const Shape& shape, ParameterKind kind) {
  Tensor zeros = from_vector(std::vector<float>(static_cast<std::size_t>(shape.numel())), shape, Device::cpu);
  parameters_.push_back(std::make_unique<Parameter>(Parameter{std::move(name), kind, Variable(std::move(zeros), true)}));
  return *parameters_.back();
}

Buffer& Module::add_buffer(std::string name, const Shape& shape, double value) {
  const std::vector<float> values(static_cast<std::size_t>(shape.numel()), static_cast<float>(value));
  buffers_.push_back(std::make_unique<Buffer>(Buffer{std::move(name), from_vector(values, shape, Device::cpu)}));
  return *buffers_.back();
}

std::vector<Module*> Module::modules() {
  std::vector<Module*> all{this};
  for (const auto& c : children_)
    for (Module* m : c->modules()) all.push_back(m);
  return all;
}

std::vector<Parameter*> Module::parameters() {
  std::vector<Parameter*> all;
  for (Module* m : modules())
    for (const auto& p : m->parameters_) all.push_back(p.get());
  return all;
}

std::vector<Buffer*> Module::buffers() {
  std::vector<Buffer*> all;
  for (Module* m : modules())
    for (const auto& b : m->buffers_) all.push_back(b.get());
  return all;
}

const Tensor& Parameter::rounded(DType dtype) {
  round_parameters({this}, dtype);
  return kept.copy;
}

void round_parameters(const std::vector<Parameter*>& parameters, DType dtype) {
  std::vector<Parameter*> stale;
  std::vector<Tensor> values;
  for (Parameter* p : parameters) {
    const Tensor& value = p->variable.value();
    const Storage& from = *value.storage();
    const Parameter::Rounded& kept = p->kept;
    if (kept.copy.defined() && kept.copy.dtype() == dtype && kept.storage == from.id() && kept.version == from.version)
      continue;
    p->kept = {{}, from.id(), from.version};
    stale.push_back(p);
    values.push_back(value);
  }
  if (stale.empty()) return;
  std::vector<Tensor> copies = backend_of(values.front()).cast_all(values, dtype);
  for (std::size_t i = 0; i < stale.size(); ++i) stale[i]->kept.copy = std::move(copies[i]);
}

Module* Module::find(std::string_view wanted) {
  for (Module* m : modules())
    if (m->path() == wanted) return m;
  return nullptr;
}

void Module::to(Device device, DType dtype) {
  const auto moved = [&](const Tensor& t) {
    const Tensor there = to_device(t, device);
    return there.dtype() == dtype ? there : backend_of(there).cast(there, dtype);
  };
  for (Parameter* p : parameters()) {
    const Tensor value = moved(p->variable.value());
    p->variable.set_value(p->kind == ParameterKind::conv_weight ? backend_of(value).as_conv_weight(value) : value);
  }
  for (Buffer* b : buffers()) b->value = moved(b->value);
}

void round_weights(Module& root, DType dtype) {
  std::vector<Parameter*> weights;
  for (Parameter* p : root.parameters())
    if (p->kind != ParameterKind::norm_weight && p->kind != ParameterKind::norm_bias &&
        p->variable.value().dtype() != dtype)
      weights.push_back(p);
  round_parameters(weights, dtype);
}

int set_trainable(Module& root, const std::string& expression, bool trainable) {
  std::regex regex;
  try {
    regex = std::regex(expression);
  } catch (const std::regex_error& e) {
    throw UsageError("'{}' is not a regular expression: {}", expression, e.what());
  }
  int matched = 0;
  for (Parameter* p : root.parameters()) {
    if (!std::regex_search(p->name, regex)) continue;
    p->variable.set_requires_grad(trainable);
    ++matched;
  }
  if (matched == 0) throw UsageError("'{}' matches no parameter (names look like '{}')", expression,
                                     root.parameters().empty() ? "" : root.parameters().front()->name);
  return matched;
}

std::int64_t parameter_count(Module& root) {
  std::int64_t n = 0;
  for (const Parameter* p : root.parameters()) n += p->variable.value().numel();
  return n;
}

}  // namespace engine::nn

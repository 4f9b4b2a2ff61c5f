#include "bench/conformance/outcome.h"

#include <limits>
#include <optional>

#include "bench/conformance/auditor.h"
#include "bench/conformance/data.h"
#include "engine/autograd/tape.h"
#include "engine/tensor/half.h"

namespace engine::conformance {
namespace {

bool is_carried(Arrangement a, std::size_t position) {
  switch (a) {
    case Arrangement::plain:
      return false;
    case Arrangement::carried:
      return true;
    case Arrangement::first_carried:
      return position % 2 == 0;
    case Arrangement::first_plain:
      return position % 2 == 1;
  }
  return false;
}

// `position` counts the inputs of the call.
Tensor make(const Input& input, const Call& how, std::size_t position) {
  const Device device = how.backend.device();
  const std::vector<double>& values = input.values;
  if (input.integer) return from_vector(std::vector<std::int64_t>(values.begin(), values.end()), input.shape, device);
  std::vector<double> numbers(values);
  for (double& v : numbers) v = rounded(v, dtype_of(input, how.rounding));
  const Tensor x = from_vector(numbers, input.shape, device, dtype_of(input, how.dtype));
  return input.shape.rank() == 4 && !input.plain && is_carried(how.arrangement, position) ? how.carry(x) : x;
}

std::vector<std::byte> bytes_of(const Tensor& x) {
  std::vector<std::byte> bytes(x.bytes());
  backend_of(x).to_host(x, bytes.data());
  return bytes;
}

Entry entry(std::string what, const Tensor& x, bool channel) {
  if (!x.defined()) throw Error("{} is undefined", what);
  return {std::move(what), x.shape(), x.dtype(), bytes_of(x), to_vector<double>(x), channel};
}

}  // namespace

ActingBackend::ActingBackend(Backend& backend) : former_(backend_of(backend.device())) { register_backend(backend); }
ActingBackend::~ActingBackend() { register_backend(former_); }

double rounded(double v, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return static_cast<double>(static_cast<float>(v));
    case DType::f16:
      return static_cast<double>(f32_from_f16(f16_from_f32(static_cast<float>(v))));
    case DType::bf16:
      return static_cast<double>(f32_from_bf16(bf16_from_f32(static_cast<float>(v))));
    default:
      return v;
  }
}

Tensor carried(const Tensor& x) {
  Backend& backend = backend_of(x);
  const std::int64_t c = x.dim(1);
  const Tensor nothing = full({c, c, 1, 1}, 0.0, x.dtype(), x.device());
  Tensor y = backend.conv2d(full(x.shape(), 0.0, x.dtype(), x.device()), nothing, {}, {});
  // Copied rather than multiplied by one: NaN in one channel must not spread to the others.
  if (!y.plain()) backend.copy_(y, x);
  return y.plain() ? x : y;
}

bool has_own_layout(Backend& backend, DType dtype) {
  return !carried(full({1, 32, 2, 2}, 0.0, dtype, backend.device())).plain();
}

std::vector<double> cotangent(const Config& config, const Shape& shape, std::uint64_t seed) {
  return Data(seed, "cotangent of " + config.name).normal("dy", shape).values;
}

Outcome call(const Config& config, const Call& how) {
  std::optional<Auditor> auditor;
  if (how.audited) auditor.emplace(how.backend);
  Backend& backend = auditor ? *auditor : how.backend;
  Tensors inputs;
  std::vector<std::vector<std::byte>> before;
  for (std::size_t i = 0; i < config.inputs.size(); ++i) {
    const Input& input = config.inputs[i];
    inputs.push_back(make(input, how, i));
    before.push_back(bytes_of(inputs.back()));
  }
  struct Result {
    std::string what;
    Tensor tensor;
    bool channel = false;
  };
  std::vector<Result> results;
  if (config.direct) {
    Tensors found;
    {
      const ActingBackend acting(backend);
      found = config.direct(backend, inputs);
    }
    for (std::size_t i = 0; i < found.size(); ++i)
      results.push_back({found.size() == 1 ? "result" : fmt::format("result {}", i), found[i]});
  } else {
    Variables variables;
    bool differentiable = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      variables.emplace_back(inputs[i], config.inputs[i].differentiable);
      differentiable = differentiable || config.inputs[i].differentiable;
    }
    Tape tape;
    Variable y;
    {
      const ActingBackend acting(backend);
      y = config.function(variables);
    }
    results.push_back({"result", y.value()});
    if (differentiable) {
      const Tensor dy = make({"dy", y.shape(), cotangent(config, y.shape(), how.seed)}, how, inputs.size());
      const ActingBackend acting(backend);
      tape.backward(y, dy);
    }
    for (std::size_t i = 0; i < inputs.size(); ++i)
      if (config.inputs[i].differentiable)
        results.push_back({"gradient of " + config.inputs[i].name, variables[i].grad(),
                           config.inputs[i].channel || config.inputs[i].wide_gradient});
  }
  Outcome outcome;
  if (auditor) outcome.broken_rules = auditor->broken_rules();
  for (const Result& r : results) outcome.entries.push_back(entry(r.what, r.tensor, r.channel));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string& name = config.inputs[i].name;
    if (config.inputs[i].written)
      outcome.entries.push_back(entry(name + " afterwards", inputs[i], config.inputs[i].channel));
    else if (bytes_of(inputs[i]) != before[i])
      outcome.broken_rules.push_back(name + " was changed");
  }
  for (const Result& r : results)
    if (is_floating(r.tensor.dtype())) backend_of(r.tensor).fill_(r.tensor, std::numeric_limits<double>::quiet_NaN());
  return outcome;
}

}  // namespace engine::conformance

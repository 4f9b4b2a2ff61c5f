// Conformance: one case per operation, from which five things follow: each backend against the double-precision
// reference, a gradient check, the proof that a wrong implementation is caught, a benchmark, and docs/ops.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/autograd/variable.h"
#include "kernels/backend.h"

namespace engine::conformance {

using Tensors = std::vector<Tensor>;
using Variables = std::vector<Variable>;

/// An argument of an operation, as numbers on the host. The check converts floating ones to the element type it tests.
struct Input {
  std::string name;
  Shape shape;
  std::vector<double> values;
  bool integer = false;        ///< i64 whatever element type is tested
  bool differentiable = true;  ///< a gradient is asked for and checked
  bool written = false;        ///< the contract says it is written; all others must come back untouched
  bool channel = false;        ///< one value a channel of a batch norm: of parameter_dtype()
  bool wide_gradient = false;  ///< only its gradient is of parameter_dtype(): of a convolution
  bool wide = false;           ///< f64 whatever element type is tested
  bool plain = false;          ///< the contract has it in plain layout (parameters); others come in any layout
  double read = 1;             ///< the share of it that must be read: less of what is sliced, none of what is filled
};

/// The type of an input where `tested` is the type under test.
constexpr DType dtype_of(const Input& input, DType tested) {
  return input.integer ? DType::i64 : input.wide ? DType::f64 : input.channel ? parameter_dtype(tested) : tested;
}

/// One call of the case's operations, with sizes and attributes.
struct Config {
  std::string name;
  std::vector<Input> inputs;
  /// The differentiable function; its value, the gradient of every differentiable input for a random cotangent, and
  /// every written input are compared.
  std::function<Variable(const Variables&)> function = nullptr;
  /// Used instead of `function` by operations without a gradient: returns what is compared.
  std::function<Tensors(Backend&, const Tensors&)> direct = nullptr;
  std::int64_t reduction = 1;  ///< length of the longest sum behind one number, for the tolerance
  double terms = 0;            ///< size of terms that may cancel: errors are measured on it where results are smaller
  double flops = 0;            ///< of the forward operation
  double backward_flops = 0;
  bool smooth = true;  ///< false where the inputs sit on corners: no finite differences there
};

struct Case {
  std::string name;
  std::vector<std::string> ops;                                       ///< what it covers, as named in ops.def
  std::function<std::vector<Config>(std::uint64_t seed)> configs;     ///< small and awkward
  std::function<std::vector<Config>(std::uint64_t seed)> benchmarks;  ///< of the sizes networks have
  bool takes_16_bits = true;                                          ///< else f16 and bf16 must be a UsageError
};

/// All cases, in the order of ops.def.
const std::vector<Case>& cases();

// Families; each in a file of its name.
std::vector<Case> movement_cases();
std::vector<Case> convolution_cases();
std::vector<Case> normalization_cases();
std::vector<Case> elementwise_cases();
std::vector<Case> shape_cases();
std::vector<Case> covariance_cases();
std::vector<Case> decomposition_cases();
std::vector<Case> pooling_cases();
std::vector<Case> loss_cases();
std::vector<Case> optimizer_cases();

}  // namespace engine::conformance

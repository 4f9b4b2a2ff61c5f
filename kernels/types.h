// Attributes and results of the operations declared in ops.def.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/tensor/conventions.h"
#include "engine/tensor/tensor.h"

namespace engine {

/// Receives each tensor of an operation's result, for observers (timing, NaN watch).
using TensorVisitor = std::function<void(const Tensor&)>;

struct Padding2d {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;
  static Padding2d same(std::int64_t p) { return {p, p, p, p}; }
  bool operator==(const Padding2d&) const = default;
};

struct Conv2dParams {
  std::array<std::int64_t, 2> stride{1, 1};    ///< rows, columns
  Padding2d padding;
  std::array<std::int64_t, 2> dilation{1, 1};  ///< 1 = dense
  std::int64_t groups = 1;
  bool operator==(const Conv2dParams&) const = default;
};
/// Output shape [N, O, OH, OW] of a convolution. Throws UsageError where x [N, C, H, W], w [O, C/groups, KH, KW] and
/// the parameters do not fit, naming the numbers.
Shape conv2d_output_shape(const Shape& x, const Shape& w, const Conv2dParams& p);

/// Which gradients a backward pass needs; the others come back undefined.
struct Conv2dNeeds {
  bool dx = true, dw = true, db = false;
};
/// Element type beside activations x of the gradients of a convolution's weight and bias, and of what batch norm has one
/// of for each channel: f32 where x has 16 bits. Sums over a whole batch would lose what f32 weights can still take;
/// running averages would stand still, and rounded statistics would move the ReLU's mask.
constexpr DType parameter_dtype(DType x) { return size_of(x) == 2 ? DType::f32 : x; }

struct Conv2dGrads {
  Tensor dx, dw, db;
  void visit(const TensorVisitor& f) const { f(dx), f(dw), f(db); }
};

struct BatchNormParams {
  double eps = conventions::batch_norm_eps;
  double momentum = conventions::batch_norm_momentum;
  bool relu = false;  ///< apply ReLU to the result (after the residual is added)
};
struct BatchNormResult {
  Tensor y;
  Tensor mean;     ///< [C] batch mean, saved for backward
  Tensor inv_std;  ///< [C] 1 / sqrt(biased variance + eps)
  Tensor shift;    ///< [C] bias, and what rounding took from the mean: y = (x - mean) * (weight * inv_std) + shift
  void visit(const TensorVisitor& f) const { f(y), f(mean), f(inv_std), f(shift); }
};
struct BatchNormGrads {
  Tensor dx, dweight, dbias;
  Tensor dresidual;  ///< gradient of the residual; undefined unless asked for
  void visit(const TensorVisitor& f) const { f(dx), f(dweight), f(dbias), f(dresidual); }
};

enum class Activation : std::uint8_t {
  relu, relu6, leaky_relu, sigmoid, tanh, silu, hard_sigmoid, hard_swish, gelu_erf, gelu_tanh
};
inline constexpr int activation_count = 10;
constexpr std::string_view name_of(Activation a) {
  constexpr std::string_view names[] = {"relu", "relu6", "leaky_relu", "sigmoid", "tanh",
                                        "silu", "hard_sigmoid", "hard_swish", "gelu_erf", "gelu_tanh"};
  return names[static_cast<int>(a)];
}
struct ActivationParams {
  Activation kind = Activation::relu;
  double slope = 0.01;  ///< leaky_relu only
};

struct Pool2dParams {
  std::array<std::int64_t, 2> kernel{2, 2};
  std::array<std::int64_t, 2> stride{2, 2};
  Padding2d padding;
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< average pool only
};
/// [N, C, OH, OW] of a pooling (see conventions.h for ceil_mode). Throws UsageError where the window does not fit.
Shape pool2d_output_shape(const Shape& x, const Pool2dParams& p);

struct MaxPoolResult {
  Tensor y;
  /// u8, shape of y: position inside the window (row * kernel width + column) of the maximum. Physical layout is the
  /// backend's.
  Tensor argmax;
  void visit(const TensorVisitor& f) const { f(y); }
};

struct LayerNormResult {
  Tensor y;
  Tensor mean, inv_std;  ///< one value per normalised row
  void visit(const TensorVisitor& f) const { f(y), f(mean), f(inv_std); }
};
struct LayerNormGrads {
  Tensor dx, dweight, dbias;
  void visit(const TensorVisitor& f) const { f(dx), f(dweight), f(dbias); }
};

struct EighResult {
  Tensor values, vectors;
  void visit(const TensorVisitor& f) const { f(values), f(vectors); }
};
struct SvdResult {
  Tensor u, s, vt;
  void visit(const TensorVisitor& f) const { f(u), f(s), f(vt); }
};

/// mean divides by the sum of the weights that count (cross-entropy) or the number of present labels (BCE);
/// none returns one loss per sample (cross-entropy [N]) or per entry (BCE [N, C], 0 where the label is missing).
enum class Reduction : std::uint8_t { mean, sum, none };

struct CrossEntropyParams {
  double label_smoothing = 0.0;
  std::int64_t ignore_index = conventions::ignore_index;
  Reduction reduction = Reduction::mean;
};
struct CrossEntropyResult {
  Tensor loss;      ///< scalar, or [N] for Reduction::none
  Tensor log_prob;  ///< [N, C], saved for backward
  void visit(const TensorVisitor& f) const { f(loss); }
};
struct BceParams {
  Reduction reduction = Reduction::mean;
};

/// One parameter of a multi-tensor optimiser step. All tensors have the parameter's shape; m and v are the
/// optimiser's state (see each op for which it uses). Multiplier and decay are the parameter group's.
struct OptimizerSlot {
  Tensor param, grad, m, v;
  double lr_mult = 1.0;  ///< times the update's learning rate
  double weight_decay = 0.0;
};
/// What differs from one update to the next: on the device, where a recorded update finds what holds then.
struct UpdateNumbers {
  Tensor lr_and_count;  ///< f64 [2]: learning rate; the number of this update, from 1
  Tensor norm;          ///< f32 scalar or undefined: where it is not finite, everything stays as it was
};
struct SgdParams {
  double momentum = 0.0, dampening = 0.0;
  bool nesterov = false;
};
struct AdamParams {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  bool decoupled = false;  ///< AdamW: decay shrinks the weight and stays out of the moments
};
struct RmspropParams {
  double alpha = 0.99, eps = 1e-8, momentum = 0.0;
};

}  // namespace engine

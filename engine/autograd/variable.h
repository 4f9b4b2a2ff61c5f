// A value that can be differentiated.
#pragma once

#include <memory>

#include "engine/tensor/tensor.h"

namespace engine {

/// Where the gradient of one value is collected. Closures on the tape hold this, never the value itself, so an
/// activation dies as soon as nobody needs its numbers.
struct Gradient {
  Tensor value;         ///< undefined until something has flowed in
  Tensor more;          ///< to be added to `value`; where `takes_two`
  bool takes_two = false;  ///< who sends it on adds up two arrivals by itself (never true for leaves)
  bool retain = false;  ///< keep `value` after backward has passed; leaves do without being told
  bool passed = false;  ///< the note that would send it on is gone (never true for leaves)

  /// value += d, or value = d when it is the first. Throws UsageError once `passed`: d would be lost.
  void accumulate(const Tensor& d);
  /// Adds `more`, if it is there, to `value`.
  void join();
  /// Gives `value` memory of its own where a sibling shares it, so that it may be written in place.
  void unshare();
};

/// A tensor, and a place for its gradient if it takes part in differentiation. Copies share both.
class Variable {
 public:
  Variable() = default;
  /// A constant, or with `requires_grad` a leaf whose gradient is kept.
  explicit Variable(Tensor value, bool requires_grad = false);

  bool defined() const { return value_.defined(); }
  const Tensor& value() const { return value_; }
  const Shape& shape() const { return value_.shape(); }
  bool requires_grad() const { return gradient_ != nullptr; }
  /// Undefined where none has arrived.
  const Tensor& grad() const;
  const std::shared_ptr<Gradient>& gradient() const { return gradient_; }

  /// Other numbers with the same place for a gradient: a 16-bit copy of an f32 weight. Only for functions whose gradient
  /// comes in the leaf's own type (conv2d).
  Variable with_value(Tensor value) const;

  void clear_grad();
  /// Turns a leaf into a constant or back. Drops the gradient.
  void set_requires_grad(bool on);
  /// Keeps the gradient of an intermediate value after backward has passed (heat maps).
  void retain_grad();
  /// Replaces the numbers of a leaf (loading weights, moving to a device); the gradient is dropped.
  void set_value(Tensor value);

 private:
  friend class Tape;
  Tensor value_;
  std::shared_ptr<Gradient> gradient_;
};

}  // namespace engine

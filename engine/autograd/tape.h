// Reverse-mode differentiation. While a Tape lives, every differentiable function (functions.h) writes down how to
// pass a gradient back; backward() reads the notes from the end to the start. docs/autograd.md follows one step.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/autograd/variable.h"

namespace engine {

/// Passes dL/d(output) on to the inputs' gradients.
using BackwardFunction = std::function<void(const Tensor& dy)>;
/// The same for dL/d(output) = dy + more, where `more` may be undefined.
using BackwardOfTwo = std::function<void(const Tensor& dy, const Tensor& more)>;

/// The notes of one forward pass on this thread. No tape, no notes: inference needs nothing switched off.
class Tape {
 public:
  Tape();  ///< becomes the current tape of this thread; the former one waits underneath
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// The tape that records on this thread now, or null.
  static Tape* current();

  /// Wraps an op's result. If a tape records and any input wants a gradient, the result does too and
  /// `make_backward()` is called to make the closure; otherwise nothing is kept.
  template <class MakeBackward>
  static Variable result(Tensor value, std::initializer_list<const Variable*> inputs, MakeBackward make_backward) {
    Tape* tape = current();
    bool wanted = false;
    for (const Variable* v : inputs) wanted = wanted || v->requires_grad();
    Variable out(std::move(value));
    if (tape && wanted) tape->record(out, make_backward());
    return out;
  }
  /// The same for a value whose inputs are known to want a gradient.
  void record(Variable& output, BackwardFunction backward);
  void record(Variable& output, BackwardOfTwo backward);

  /// Sends `seed` (default: 1 for a scalar) from `root` back to the leaves. Each note is dropped as soon as it has been
  /// used, so memory falls while backward runs; a second backward needs a new forward pass (UsageError without). Two
  /// losses of one pass are added up first.
  void backward(const Variable& root, Tensor seed = {});
  std::size_t size() const { return notes_.size(); }

 private:
  friend Variable recompute(const std::function<Variable(const Variable&)>& f, const Variable& x);
  enum class Notes : std::uint8_t { kept, dropped };
  explicit Tape(Notes notes);

  struct Note {
    std::shared_ptr<Gradient> output;
    BackwardFunction backward;  // or, if empty, the next
    BackwardOfTwo backward_of_two;
    std::string layer;
  };
  Notes mode_;
  std::vector<Note> notes_;
  Tape* former_;
};

/// Hides the tape for as long as it lives: what runs inside is constant.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  Tape* hidden_;
};

/// Activation recomputation (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016): runs f without
/// keeping notes and runs it again, with them, when backward arrives. f must compute the same numbers twice: random
/// bits come from Philox, and recomputing() tells layers to leave running statistics alone. Hooks inside f see both
/// runs; only in the second do gradients arrive.
Variable recompute(const std::function<Variable(const Variable&)>& f, const Variable& x);
/// True while f of recompute() runs for the second time.
bool recomputing();

}  // namespace engine

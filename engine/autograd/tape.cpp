#include "engine/autograd/tape.h"

#include <utility>

#include "kernels/backend.h"

namespace engine {
namespace {
thread_local Tape* tape_of_thread = nullptr;
thread_local bool second_run = false;

struct SecondRun {
  bool former = std::exchange(second_run, true);
  ~SecondRun() { second_run = former; }
};
}  // namespace

void Gradient::accumulate(const Tensor& d) {
  if (passed)
    throw UsageError(
        "a gradient {} arrives at a value that has been passed by backward, or whose tape is gone: run the "
        "forward pass again",
        d.str());
  if (!value.defined()) {
    value = d;
    return;
  }
  if (takes_two && !more.defined()) {
    more = d;
    return;
  }
  // A gradient may be shared with a sibling (the two inputs of an addition): only a sole owner is written in place.
  if (value.storage().use_count() == 1)
    backend_of(value).accumulate_(value, d);
  else
    value = backend_of(value).add(value, d);
}

void Gradient::join() {
  takes_two = false;
  if (more.defined()) accumulate(std::exchange(more, {}));
}

void Gradient::unshare() {
  if (value.defined() && value.storage().use_count() > 1) value = backend_of(value).clone(value);
}

Variable::Variable(Tensor value, bool requires_grad) : value_(std::move(value)) { set_requires_grad(requires_grad); }

const Tensor& Variable::grad() const {
  static const Tensor none;
  return gradient_ ? gradient_->value : none;
}

Variable Variable::with_value(Tensor value) const {
  Variable v(std::move(value));
  v.gradient_ = gradient_;
  return v;
}

void Variable::clear_grad() {
  if (gradient_) gradient_->value = {};
}

void Variable::set_requires_grad(bool on) {
  gradient_ = on ? std::make_shared<Gradient>() : nullptr;
}

void Variable::retain_grad() {
  if (gradient_) gradient_->retain = true;
}

void Variable::set_value(Tensor value) {
  value_ = std::move(value);
  clear_grad();
}

Tape::Tape() : Tape(Notes::kept) {}
Tape::Tape(Notes notes) : mode_(notes), former_(std::exchange(tape_of_thread, this)) {}
Tape::~Tape() {
  for (Note& note : notes_) note.output->passed = true;
  tape_of_thread = former_;
}
Tape* Tape::current() { return tape_of_thread; }

void Tape::record(Variable& output, BackwardFunction backward) {
  output.gradient_ = std::make_shared<Gradient>();
  if (mode_ == Notes::dropped) return;
  notes_.push_back({output.gradient_, std::move(backward), {}, current_layer()});
}

void Tape::record(Variable& output, BackwardOfTwo backward) {
  output.gradient_ = std::make_shared<Gradient>();
  output.gradient_->takes_two = true;
  if (mode_ == Notes::dropped) return;
  notes_.push_back({output.gradient_, {}, std::move(backward), current_layer()});
}

void Tape::backward(const Variable& root, Tensor seed) {
  if (!root.requires_grad()) throw UsageError("backward: the value does not depend on anything that wants a gradient");
  if (!seed.defined()) {
    if (root.value().numel() != 1)
      throw UsageError("backward of {} needs a seed: only a scalar starts from 1", root.value().str());
    seed = full(root.shape(), 1.0, root.value().dtype(), root.value().device());
  }
  root.gradient()->accumulate(seed);
  seed = {};
  const NoGrad no_notes;
  while (!notes_.empty()) {
    Note note = std::move(notes_.back());
    notes_.pop_back();
    if (note.output->retain) note.output->join();
    Tensor dy = note.output->retain ? note.output->value : std::exchange(note.output->value, {});
    const Tensor more = std::exchange(note.output->more, {});
    note.output->passed = true;
    if (!dy.defined()) continue;  // not on the way to the root
    const LayerScope layer(note.layer.empty() ? "backward" : note.layer + " backward");
    if (note.backward)
      note.backward(dy);
    else
      note.backward_of_two(dy, more);
  }
}

NoGrad::NoGrad() : hidden_(std::exchange(tape_of_thread, nullptr)) {}
NoGrad::~NoGrad() { tape_of_thread = hidden_; }

bool recomputing() { return second_run; }

Variable recompute(const std::function<Variable(const Variable&)>& f, const Variable& x) {
  Tape* tape = Tape::current();
  if (!tape) return f(x);
  Variable y;
  {
    // Parameters inside f may want gradients where x does not: this tape tells, and keeps nothing alive.
    const Tape telling(Tape::Notes::dropped);
    y = f(x);
  }
  if (!y.requires_grad()) return y;
  y = Variable(y.value());
  tape->record(y, [f, x](const Tensor& dy) {
    Tape inner;
    const Variable start(x.value(), x.requires_grad());
    const Variable again = [&] {
      const SecondRun marks_it;
      return f(start);
    }();
    inner.backward(again, dy);
    if (x.requires_grad() && start.grad().defined()) x.gradient()->accumulate(start.grad());
  });
  return y;
}

}  // namespace engine

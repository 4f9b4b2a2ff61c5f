// A backend that stands before another one and sees every call taken apart. Made from ops.def, so it covers every
// operation there is.
#pragma once

#include <string_view>
#include <vector>

#include "kernels/backend.h"

namespace engine::conformance {

/// One operation under way.
struct OpCall {
  std::string_view op;
  std::vector<Tensor> arguments;  ///< all that are defined, in the order of ops.def
  /// After the call: what it returned, where defined and not empty, to be read or replaced. Host memory that was
  /// written and a bool are shown as tensors too.
  std::vector<Tensor*> results;
};

class Interceptor : public Backend {
 public:
  explicit Interceptor(Backend& inner) : inner_(inner), own_(backend_of(inner.device())) {}
  Device device() const override { return inner_.device(); }
  void synchronize() override { inner_.synchronize(); }

 protected:
  virtual void before(const OpCall& call) = 0;
  virtual void after(const OpCall& call) = 0;
  /// For calls of before() and after(): the backend that was registered when this one was made.
  Backend& own() { return own_; }

#define ENGINE_OP(result, name, parameters, arguments) result do_##name parameters override;
#include "kernels/ops.def"
#undef ENGINE_OP

 private:
  template <class Result, class Arguments, class Operation>
  Result run(std::string_view op, const Arguments& arguments, Operation&& operation);

  Backend& inner_;
  Backend& own_;
  bool inside_ = false;  // calls that an operation makes itself are not intercepted
};

}  // namespace engine::conformance

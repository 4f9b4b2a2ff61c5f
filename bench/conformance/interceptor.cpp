#include "bench/conformance/interceptor.h"

#include <concepts>
#include <tuple>

namespace engine::conformance {
namespace {

// The tensors of a result: a tensor, several, or a struct of nothing else.
template <class R>
std::vector<Tensor*> tensors_of(R& r) {
  const Tensor t;
  if constexpr (std::same_as<R, Tensor>) {
    return {&r};
  } else if constexpr (std::same_as<R, std::vector<Tensor>>) {
    std::vector<Tensor*> all;
    for (Tensor& one : r) all.push_back(&one);
    return all;
  } else if constexpr (requires { R{t, t, t, t}; }) {
    auto& [a, b, c, d] = r;
    return {&a, &b, &c, &d};
  } else if constexpr (requires { R{t, t, t}; }) {
    auto& [a, b, c] = r;
    return {&a, &b, &c};
  } else {
    auto& [a, b] = r;
    return {&a, &b};
  }
}

template <class T>
void collect(const T&, std::vector<Tensor>&) {}
void collect(const Tensor& t, std::vector<Tensor>& out) {
  if (t.defined()) out.push_back(t);
}
void collect(const std::vector<Tensor>& ts, std::vector<Tensor>& out) {
  for (const Tensor& t : ts) collect(t, out);
}
void collect(const std::vector<OptimizerSlot>& slots, std::vector<Tensor>& out) {
  for (const OptimizerSlot& s : slots)
    for (const Tensor* t : {&s.param, &s.grad, &s.m, &s.v}) collect(*t, out);
}

// to_host: its result is the memory it writes.
using ToHost = std::tuple<const Tensor&, void*&>;

}  // namespace

template <class Result, class Arguments, class Operation>
Result Interceptor::run(std::string_view op, const Arguments& arguments, Operation&& operation) {
  if (inside_) return operation();
  struct Inside {
    bool& flag;
    explicit Inside(bool& f) : flag(f) { flag = true; }
    ~Inside() { flag = false; }
  } const inside(inside_);
  OpCall call{op, {}, {}};
  std::apply([&](const auto&... a) { (collect(a, call.arguments), ...); }, arguments);
  before(call);
  const auto finish = [&](const std::vector<Tensor*>& results) {
    for (Tensor* t : results)
      if (t->defined() && t->numel() > 0) call.results.push_back(t);
    after(call);
  };
  if constexpr (std::same_as<Result, bool>) {
    std::int32_t answer = operation();
    Tensor shown = own_.from_host(&answer, {}, DType::i32);
    finish({&shown});
    own_.to_host(shown, &answer);
    return answer != 0;
  } else if constexpr (std::same_as<Arguments, ToHost>) {
    operation();
    const auto& [x, host] = arguments;
    Tensor shown = own_.from_host(host, x.shape(), x.dtype());
    finish({&shown});
    own_.to_host(shown, host);
  } else if constexpr (std::is_void_v<Result>) {
    operation();
    finish({});
  } else {
    Result result = operation();
    finish(tensors_of(result));
    return result;
  }
}

#define ENGINE_OP(result, name, parameters, arguments)                                                \
  result Interceptor::do_##name parameters {                                                          \
    return run<result>(#name, std::tie arguments, [&]() -> result { return inner_.name arguments; }); \
  }
#include "kernels/ops.def"
#undef ENGINE_OP

}  // namespace engine::conformance

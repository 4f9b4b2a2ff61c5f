// What may watch every operation: a profiler, the NaN watch. Costs one thread-local test when nobody watches.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "kernels/types.h"

namespace engine {

class Backend;

/// Sees each operation of the current thread before and after it runs.
class OpObserver {
 public:
  virtual ~OpObserver() = default;
  virtual void before(Backend& backend, std::string_view op) = 0;
  /// `visit` hands each result tensor that is defined to the function it is given.
  virtual void after(Backend& backend, std::string_view op, const std::function<void(const TensorVisitor&)>& visit) = 0;
};

/// Installs an observer on this thread for as long as the object lives; the former one comes back afterwards.
class ObserveOps {
 public:
  explicit ObserveOps(OpObserver& observer);
  ~ObserveOps();
  ObserveOps(const ObserveOps&) = delete;
  ObserveOps& operator=(const ObserveOps&) = delete;

 private:
  OpObserver* former_;
};

/// The observer of this thread, or null.
OpObserver* current_observer();

/// Path of the layer whose operations run now ("layer1.0.conv1"; "layer1.0.conv1 backward"), for messages.
const std::string& current_layer();

/// Sets current_layer() for as long as the object lives.
class LayerScope {
 public:
  explicit LayerScope(std::string layer);
  ~LayerScope();
  LayerScope(const LayerScope&) = delete;
  LayerScope& operator=(const LayerScope&) = delete;

 private:
  std::string former_;
};

/// Runs f as operation `op`, telling the observer of this thread if there is one.
template <class F>
auto observe(Backend& backend, std::string_view op, F&& f) {
  using Result = std::invoke_result_t<F>;
  OpObserver* observer = current_observer();
  if (!observer) return f();
  observer->before(backend, op);
  if constexpr (std::is_void_v<Result>) {
    f();
    observer->after(backend, op, [](const TensorVisitor&) {});
  } else {
    Result result = f();
    observer->after(backend, op, [&](const TensorVisitor& visitor) {
      const auto defined_only = [&](const Tensor& t) {
        if (t.defined()) visitor(t);
      };
      if constexpr (std::same_as<Result, Tensor>) {
        defined_only(result);
      } else if constexpr (std::same_as<Result, std::vector<Tensor>>) {
        for (const Tensor& t : result) defined_only(t);
      } else if constexpr (requires { result.visit(visitor); }) {
        result.visit(defined_only);
      }
    });
    return result;
  }
}

}  // namespace engine

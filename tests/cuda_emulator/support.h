// Shared by the tests of the emulated CUDA device.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/cuda/context.h"
#include "kernels/cuda_on_cpu/options.h"
#include "kernels/cuda_on_cpu/runtime_emulated.h"

namespace engine::test {

inline gpu::Context& context() {
  static auto* c = new gpu::Context(emulator::emulated_runtime(), Device::cuda_emulated);
  return *c;
}

/// Sets the order of threads for as long as it lives.
class WithOrder {
 public:
  explicit WithOrder(emulator::ThreadOrder order, std::uint64_t seed = 1) : former_(emulator::options()) {
    emulator::options() = {order, seed};
  }
  ~WithOrder() { emulator::options() = former_; }
  WithOrder(const WithOrder&) = delete;
  WithOrder& operator=(const WithOrder&) = delete;

 private:
  emulator::Options former_;
};
inline const std::vector<emulator::ThreadOrder>& orders() {
  using enum emulator::ThreadOrder;
  static const std::vector<emulator::ThreadOrder> all{forward, reverse, random};
  return all;
}

/// What the physical memory of a tensor holds; waits.
template <class T>
std::vector<T> memory_of(const Tensor& t) {
  std::vector<T> out(t.storage()->bytes() / sizeof(T));
  context().download(out.data(), t.raw(), out.size() * sizeof(T));
  return out;
}
template <class T>
Tensor tensor_of(const std::vector<T>& values) {
  Tensor t = context().empty({static_cast<std::int64_t>(values.size())}, dtype_of<T>);
  context().upload(t.raw(), values.data(), values.size() * sizeof(T));
  return t;
}

/// Runs f in a child process; returns what it wrote to standard error, and whether it ended well.
struct ChildResult {
  bool ok = false;
  std::string output;
};
ChildResult in_child(const std::function<void()>& f);

}  // namespace engine::test

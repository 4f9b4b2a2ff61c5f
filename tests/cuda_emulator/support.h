// Shared by the tests of the emulated CUDA device.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/cuda_on_cpu/options.h"
#include "tests/cuda/device.h"

namespace engine::test {

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

/// Runs f in a child process; returns what it wrote to standard error, and whether it ended well.
struct ChildResult {
  bool ok = false;
  std::string output;
};
ChildResult in_child(const std::function<void()>& f);

}  // namespace engine::test

// The device under test. These tests are compiled twice, like the kernels: ENGINE_CUDA_NS is cuda_emulated or cuda.
#pragma once

#include <vector>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/namespace.h"

namespace engine::test {

namespace device = ENGINE_CUDA_NS;
inline gpu::Context& context() { return device::device_context(); }

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

}  // namespace engine::test

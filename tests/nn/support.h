// Shared by the tests of autograd, modules and models.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/autograd/tape.h"
#include "engine/nn/init.h"
#include "engine/nn/layers.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/reference/reference_backend.h"

namespace engine::test {

/// One thread unless a test is about more: small networks gain nothing from a second.
inline void register_backends(int threads = 1) {
  register_cpu_backend();
  register_reference_backend();
  set_cpu_threads(threads);
}

/// A value on device reference, in double.
inline Tensor doubles(const std::vector<double>& values, const Shape& shape) {
  return from_vector(values, shape, Device::reference);
}
inline Variable leaf(const std::vector<double>& values, const Shape& shape) {
  return Variable(doubles(values, shape), true);
}
inline std::vector<double> numbers(const Tensor& t) {
  return t.defined() ? to_vector<double>(t) : std::vector<double>();
}

/// Standard normal numbers of a seed, on any device.
inline Tensor noise(const Shape& shape, std::uint64_t seed, Device device = Device::cpu, DType dtype = DType::f32) {
  Random random(RandomKey(seed, RandomStream::test));
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& v : values) v = random.normal();
  return to_device(from_vector(values, shape, Device::reference, dtype), device);
}

/// Convolution, norm with ReLU, dropout: what a second run must repeat to the bit.
class Block final : public nn::Module {
 public:
  Block(std::int64_t in, std::int64_t out)
      : conv_(add<nn::Conv2d>("conv", in, out, 3, 1, 1)),
        bn_(add<nn::BatchNorm2d>("bn", out)),
        drop_(add<nn::Dropout>("drop", 0.3)) {}
  std::string describe() const override { return "Block"; }

 protected:
  Variable forward(const Variable& x) override { return drop_(bn_.then_relu(conv_(x))); }

 private:
  nn::Conv2d& conv_;
  nn::BatchNorm2d& bn_;
  nn::Dropout& drop_;
};

/// Blocks, pool and head; every kind of parameter, buffer and random bit. `recomputed` runs the blocks by recompute().
class BlockNet final : public nn::Module {
 public:
  explicit BlockNet(int depth, std::int64_t width = 12) {
    for (int i = 0; i < depth; ++i)
      blocks_.push_back(&add<Block>("block" + std::to_string(i + 1), i == 0 ? 3 : width, width));
    pool_ = &add<nn::GlobalAvgPool>("pool");
    fc_ = &add<nn::Linear>("fc", width, 5);
    nn::initialize(*this, nn::Scheme::he_normal, 42);
  }
  std::string describe() const override { return "BlockNet"; }
  bool recomputed = false;

 protected:
  Variable forward(const Variable& x) override {
    Variable y = x;
    for (Block* block : blocks_)
      y = recomputed ? recompute([block](const Variable& v) { return (*block)(v); }, y) : (*block)(y);
    return (*fc_)((*pool_)(y));
  }

 private:
  std::vector<Block*> blocks_;
  nn::GlobalAvgPool* pool_;
  nn::Linear* fc_;
};

}  // namespace engine::test

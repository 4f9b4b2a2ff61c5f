// Shared by the tests of training.
#pragma once

#include "engine/nn/layers.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/reference/reference_backend.h"

namespace engine::test {

inline void register_backends() {
  register_cpu_backend();
  register_reference_backend();
}

/// Convolution, norm, pool, head: the smallest network with every kind of parameter and a buffer.
class TinyNet final : public nn::Module {
 public:
  TinyNet()
      : conv_(add<nn::Conv2d>("conv", 1, 4, 3, 1, 1)),
        bn_(add<nn::BatchNorm2d>("bn", 4)),
        pool_(add<nn::GlobalAvgPool>("pool")),
        fc_(add<nn::Linear>("fc", 4, 2)) {}
  std::string describe() const override { return "TinyNet"; }

 protected:
  Variable forward(const Variable& x) override { return fc_(pool_(bn_.then_relu(conv_(x)))); }

 private:
  nn::Conv2d& conv_;
  nn::BatchNorm2d& bn_;
  nn::GlobalAvgPool& pool_;
  nn::Linear& fc_;
};

}  // namespace engine::test

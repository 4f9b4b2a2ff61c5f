// Convolution weights in the order oneDNN's kernels want them.
#pragma once

#include "kernels/cpu/dnnl_support.h"

namespace engine::cpu {

/// The weights of one call. They are reordered when they have changed, not per call: an order asked for three times
/// with the same contents is kept until the weights change or die. While training every step changes the weights after
/// one or two uses, so nothing is kept and no memory spent.
class OrderedWeights {
 public:
  OrderedWeights(const Tensor& plain_weights, const dnnl::memory::desc& plain, const dnnl::memory::desc& wanted);
  const dnnl::memory& memory() const { return memory_; }

 private:
  Tensor bytes_;  // keeps the memory alive
  dnnl::memory memory_;
};

}  // namespace engine::cpu

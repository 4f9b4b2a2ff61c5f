// Floating tensors of one call share one type.
#pragma once

#include <initializer_list>
#include <string_view>

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// Throws UsageError where one of `others` that is there has another type than x.
inline void check_one_type(std::string_view op, const Tensor& x, std::initializer_list<const Tensor*> others) {
  for (const Tensor* t : others)
    if (t->defined() && t->dtype() != x.dtype())
      throw UsageError("{}: {} and {} differ in type", op, x.str(), t->str());
}

/// Throws UsageError where one of `channels` that is there, values of a normalisation's channels, is not f32.
inline void check_channel_type(std::string_view op, std::initializer_list<const Tensor*> channels) {
  for (const Tensor* t : channels)
    if (t->defined() && t->dtype() != DType::f32)
      throw UsageError("{}: what has one value a channel is f32, found {}", op, t->str());
}

}  // namespace engine::ENGINE_CUDA_NS

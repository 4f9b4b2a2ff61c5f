// The cuDNN of this machine, opened once.
#pragma once

#include <cstdio>

#include "kernels/cuda/cudnn_api.h"

namespace engine::test {

/// Null after printing SKIPPED and the reason where there is none.
inline const gpu::cudnn::Api* installed_cudnn(const char* what) {
  static const auto answer = gpu::cudnn::load_api();
  if (const auto* api = std::get_if<gpu::cudnn::Api>(&answer)) return api;
  std::printf("SKIPPED %s: %s\n", what, std::get<gpu::cudnn::NoApi>(answer).reason.c_str());
  return nullptr;
}

}  // namespace engine::test

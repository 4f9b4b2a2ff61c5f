// The cuDNN of this machine, opened once.
#pragma once

#include "kernels/cuda/cudnn_api.h"
#include "tests/installed_library.h"

namespace engine::test {

/// Null after printing SKIPPED and the reason where there is none.
inline const gpu::cudnn::Api* installed_cudnn(const char* what) {
  static const auto answer = gpu::cudnn::load_api();
  return installed(answer, what);
}

}  // namespace engine::test

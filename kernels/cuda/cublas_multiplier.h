// Matrix products by cuBLAS on a stream. Nothing here knows tensors: pointers to row-major matrices are enough.
#pragma once

#include <memory>
#include <string>

#include "kernels/cuda/cublas_api.h"

namespace engine::gpu::cublas {

/// y [m,n] = op(a) op(b) with k terms a sum; row-major, without gaps.
struct Product {
  const void *a, *b;
  void* y;
  int m, n, k;
  bool transpose_a, transpose_b;
  DataType type;        ///< of all three
  bool strict = false;  ///< never TF32
};

/// What cuBLAS is given to sum parts of long products in: as much as it asks for on its largest device. With memory of
/// its own it might choose other kernels, and so other bits, from one call to the next.
constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

class Multiplier {
 public:
  /// `stream` is a cudaStream_t, `workspace` device memory of workspace_bytes that outlives this. Throws DeviceFault
  /// where cuBLAS cannot use them. The Api outlives it. `tf32`: f32 factors may be rounded to TF32.
  Multiplier(const Api& api, void* stream, void* workspace, bool tf32 = false);
  ~Multiplier();
  Multiplier(const Multiplier&) = delete;
  Multiplier& operator=(const Multiplier&) = delete;

  /// Appends the product to the stream. False, and nothing done, where the device has no kernel for the type. Throws
  /// DeviceFault where it fails.
  bool multiply(const Product& p);

 private:
  void check(int status, const char* what) const;

  const Api& api_;
  bool tf32_;
  void* handle_ = nullptr;
};

/// For GPU 0, or null and why: not wanted (no stream), no library, one we do not know.
struct MachineMultiplier {
  std::unique_ptr<Multiplier> multiplier;
  std::string words;  ///< "cuBLAS 13.1.0", or "own kernels: " and the reason
};
/// `allocate_workspace` is called once, where there is a library.
MachineMultiplier machine_multiplier(void* stream, void* (*allocate_workspace)(std::size_t bytes), bool tf32);

}  // namespace engine::gpu::cublas

// Eigenvalues and singular values by cuSOLVER on a stream. Nothing here knows tensors.
//
// Of its methods these are LAPACK's own: syevd (divide and conquer) and gesvd (QR iterations). Both are backward stable
// whatever the matrix is, and in the mode that is set here documented to give the same bits each time. The others give
// up some of that: gesvdj stops at a tolerance or a number of sweeps that the caller has to know, gesvdp moves singular
// matrices away from what they are, gesvdr finds the largest values only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "kernels/cuda/cusolver_api.h"

namespace engine::gpu::cusolver {

// Matrices are of f32, row-major, without gaps, in device memory, without NaN or infinity in what is read.

/// a [n,n] symmetric, of which the lower triangle is read, is overwritten by its vectors, one a row; their values [n]
/// come in ascending order.
struct Eigh {
  std::int64_t n;
  float *a, *values;
};
/// w [rows,length], rows <= length, = left diag(s) right, with left [rows,rows] orthogonal, right [rows,length] of
/// orthonormal rows, s [rows] in descending order. w is lost.
struct Svd {
  std::int64_t rows, length;
  float *w, *left, *s, *right;
};
struct WorkspaceBytes {
  std::size_t on_device = 0, on_host = 0;
};
/// Device memory of any contents, and host memory that must live until the stream has been waited for.
struct Workspace {
  void *on_device, *on_host;
  WorkspaceBytes bytes;
};

class Decomposer {
 public:
  /// `stream` is a cudaStream_t. Throws DeviceFault where cuSOLVER cannot use it. The Api outlives this.
  Decomposer(const Api& api, void* stream);
  ~Decomposer();
  Decomposer(const Decomposer&) = delete;
  Decomposer& operator=(const Decomposer&) = delete;

  WorkspaceBytes workspace(const Eigh& p) const;
  WorkspaceBytes workspace(const Svd& p) const;
  /// Appends the decomposition to the stream. `info` (device) becomes 0, the number of values that did not converge,
  /// or minus the number of a wrong argument. Throws DeviceFault where it fails.
  void decompose(const Eigh& p, const Workspace& workspace, int* info) const;
  void decompose(const Svd& p, const Workspace& workspace, int* info) const;

 private:
  void check(int status, const char* what) const;
  void destroy();

  const Api& api_;
  void *handle_ = nullptr, *parameters_ = nullptr;
};

/// For GPU 0, or null and why: not wanted (no stream), no library, one we do not know.
struct MachineDecomposer {
  std::unique_ptr<Decomposer> decomposer;
  std::string words;  ///< "cuSOLVER 12.0.4", or "own kernels: " and the reason
};
MachineDecomposer machine_decomposer(void* stream);

}  // namespace engine::gpu::cusolver

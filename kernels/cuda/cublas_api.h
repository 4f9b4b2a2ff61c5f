// cuBLAS, found when the program runs: seven functions of libcublas.so.13 or .12. A machine without the library, or
// with one we do not know, gets a reason and the backend's own products.
#pragma once

#include <variant>

#include "kernels/cuda/vendor_library.h"

namespace engine::gpu::cublas {

/// Both have this interface under these numbers; 14 may renumber anything.
constexpr KnownVersions known_versions{120000, 140000};

// Numbers of the vendor's header; cublas_values_check.cpp compares them where there is one.
constexpr int success = 0, not_supported = 15;
enum class Operation : int { none = 0, transpose = 1 };
enum class DataType : int { f32 = 0, f16 = 2, bf16 = 14 };
/// Sums are in f32. `pedantic` also takes f32 factors as they are: no TF32, no products of pieces in 16 bits.
enum class Compute : int { f32 = 68, f32_pedantic = 69, tf32 = 77 };
constexpr int default_algorithm = -1;

/// Status codes are ints; handles and streams are pointers; matrices lie column by column.
struct Api {
  int (*get_property)(Property which, int* value);
  const char* (*get_status_string)(int status);
  int (*create)(void** handle);
  int (*destroy)(void* handle);
  int (*set_stream)(void* handle, void* stream);
  int (*set_workspace)(void* handle, void* memory, std::size_t bytes);
  int (*gemm)(void* handle, Operation a_op, Operation b_op, int m, int n, int k, const void* alpha, const void* a,
              DataType a_type, int a_stride, const void* b, DataType b_type, int b_stride, const void* beta, void* y,
              DataType y_type, int y_stride, Compute compute, int algorithm);

  std::size_t version() const;
};

/// Opens the first of the files that is there and asks its version. One that is taken stays open for good.
std::variant<Api, NoApi> load_api(const std::vector<std::string>& files);
/// The same for the names that cuBLAS has.
std::variant<Api, NoApi> load_api();

}  // namespace engine::gpu::cublas

// cuSOLVER, found when the program runs: eleven functions of libcusolver.so.12 or .11. A machine without the library,
// or with one we do not know, gets a reason and the backend's own decompositions.
#pragma once

#include <string_view>
#include <variant>

#include "kernels/cuda/vendor_library.h"

namespace engine::gpu::cusolver {

/// CUDA 13 has 12.0, CUDA 12.2 and later have 11.5 to 11.7. Before, a caller could not ask for the same bits each time.
constexpr KnownVersions known_versions{110500, 130000};

// Numbers of the vendor's headers; cusolver_values_check.cpp compares them where there are such.
constexpr int success = 0;
enum class Vectors : int { no = 0, yes = 1 };
enum class Triangle : int { lower = 0, upper = 1 };  ///< of a matrix that lies column by column
enum class DataType : int { f32 = 0 };
enum class Determinism : int { same_bits = 1, any_bits = 2 };
constexpr signed char short_side = 'S';  ///< as many vectors as the matrix has rows or columns, whichever are fewer

/// Status codes are ints; handles, parameters and streams are pointers; matrices lie column by column.
struct Api {
  int (*get_property)(Property which, int* value);
  int (*create)(void** handle);
  int (*destroy)(void* handle);
  int (*set_stream)(void* handle, void* stream);
  int (*set_determinism)(void* handle, Determinism mode);
  int (*create_parameters)(void** parameters);
  int (*destroy_parameters)(void* parameters);
  int (*syevd_workspace)(void* handle, void* parameters, Vectors vectors, Triangle triangle, std::int64_t n,
                         DataType a_type, const void* a, std::int64_t a_stride, DataType values_type,
                         const void* values, DataType compute, std::size_t* on_device, std::size_t* on_host);
  int (*syevd)(void* handle, void* parameters, Vectors vectors, Triangle triangle, std::int64_t n, DataType a_type,
               void* a, std::int64_t a_stride, DataType values_type, void* values, DataType compute, void* on_device,
               std::size_t device_bytes, void* on_host, std::size_t host_bytes, int* info);
  int (*gesvd_workspace)(void* handle, void* parameters, signed char u_job, signed char vt_job, std::int64_t m,
                         std::int64_t n, DataType a_type, const void* a, std::int64_t a_stride, DataType s_type,
                         const void* s, DataType u_type, const void* u, std::int64_t u_stride, DataType vt_type,
                         const void* vt, std::int64_t vt_stride, DataType compute, std::size_t* on_device,
                         std::size_t* on_host);
  int (*gesvd)(void* handle, void* parameters, signed char u_job, signed char vt_job, std::int64_t m, std::int64_t n,
               DataType a_type, void* a, std::int64_t a_stride, DataType s_type, void* s, DataType u_type, void* u,
               std::int64_t u_stride, DataType vt_type, void* vt, std::int64_t vt_stride, DataType compute,
               void* on_device, std::size_t device_bytes, void* on_host, std::size_t host_bytes, int* info);

  std::size_t version() const;
};

/// The vendor's name of a status ("EXECUTION_FAILED"): this library has no function that tells it.
std::string_view status_name(int status);

/// Opens the first of the files that is there and asks its version. One that is taken stays open for good.
std::variant<Api, NoApi> load_api(const std::vector<std::string>& files);
/// The same for the names that cuSOLVER has.
std::variant<Api, NoApi> load_api();

}  // namespace engine::gpu::cusolver

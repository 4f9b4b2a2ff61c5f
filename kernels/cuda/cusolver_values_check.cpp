// Compares the numbers and signatures of cusolver_api.h with the vendor's header, where the compiler finds one.
#if __has_include(<cusolverDn.h>)
#include <cusolverDn.h>

#include <type_traits>

#include "kernels/cuda/cusolver_api.h"

namespace engine::gpu::cusolver {

#define ENGINE_SAME(ours, vendors) static_assert(static_cast<int>(ours) == static_cast<int>(vendors))
static_assert(sizeof(cusolverStatus_t) == sizeof(int) && sizeof(cusolverEigMode_t) == sizeof(int) &&
              sizeof(cublasFillMode_t) == sizeof(int) && sizeof(cudaDataType) == sizeof(int) &&
              sizeof(cusolverDeterministicMode_t) == sizeof(int) && sizeof(libraryPropertyType) == sizeof(int));
ENGINE_SAME(success, CUSOLVER_STATUS_SUCCESS);
ENGINE_SAME(9, CUSOLVER_STATUS_NOT_SUPPORTED);  // the last that status_name knows
ENGINE_SAME(Vectors::no, CUSOLVER_EIG_MODE_NOVECTOR);
ENGINE_SAME(Vectors::yes, CUSOLVER_EIG_MODE_VECTOR);
ENGINE_SAME(Triangle::lower, CUBLAS_FILL_MODE_LOWER);
ENGINE_SAME(Triangle::upper, CUBLAS_FILL_MODE_UPPER);
ENGINE_SAME(DataType::f32, CUDA_R_32F);
ENGINE_SAME(Determinism::same_bits, CUSOLVER_DETERMINISTIC_RESULTS);
ENGINE_SAME(Determinism::any_bits, CUSOLVER_ALLOW_NON_DETERMINISTIC_RESULTS);
ENGINE_SAME(Property::major, MAJOR_VERSION);
ENGINE_SAME(Property::minor, MINOR_VERSION);
ENGINE_SAME(Property::patch, PATCH_LEVEL);
#undef ENGINE_SAME

// Of functions with twenty arguments a missing one is easily overlooked.
template <class R, class... A>
constexpr std::size_t count(R (*)(A...)) {
  return sizeof...(A);
}
template <class F>
constexpr std::size_t count_of(F Api::*) {
  return count(F{});
}
#define ENGINE_SAME(ours, vendors) static_assert(count_of(&Api::ours) == count(decltype(&vendors){}))
ENGINE_SAME(get_property, cusolverGetProperty);
ENGINE_SAME(create, cusolverDnCreate);
ENGINE_SAME(destroy, cusolverDnDestroy);
ENGINE_SAME(set_stream, cusolverDnSetStream);
ENGINE_SAME(set_determinism, cusolverDnSetDeterministicMode);
ENGINE_SAME(create_parameters, cusolverDnCreateParams);
ENGINE_SAME(destroy_parameters, cusolverDnDestroyParams);
ENGINE_SAME(syevd_workspace, cusolverDnXsyevd_bufferSize);
ENGINE_SAME(syevd, cusolverDnXsyevd);
ENGINE_SAME(gesvd_workspace, cusolverDnXgesvd_bufferSize);
ENGINE_SAME(gesvd, cusolverDnXgesvd);
#undef ENGINE_SAME

}  // namespace engine::gpu::cusolver
#endif

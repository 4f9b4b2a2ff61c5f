// Compares the numbers of cublas_api.h with the vendor's header, where the compiler finds one.
#if __has_include(<cublas_v2.h>)
#include <cublas_v2.h>

#include "kernels/cuda/cublas_api.h"

namespace engine::gpu::cublas {

#define ENGINE_SAME(ours, vendors) static_assert(static_cast<int>(ours) == static_cast<int>(vendors))
static_assert(sizeof(cublasOperation_t) == sizeof(int) && sizeof(cudaDataType) == sizeof(int) &&
              sizeof(cublasComputeType_t) == sizeof(int) && sizeof(cublasGemmAlgo_t) == sizeof(int) &&
              sizeof(cublasStatus_t) == sizeof(int) && sizeof(libraryPropertyType) == sizeof(int));
ENGINE_SAME(success, CUBLAS_STATUS_SUCCESS);
ENGINE_SAME(not_supported, CUBLAS_STATUS_NOT_SUPPORTED);
ENGINE_SAME(Operation::none, CUBLAS_OP_N);
ENGINE_SAME(Operation::transpose, CUBLAS_OP_T);
ENGINE_SAME(DataType::f32, CUDA_R_32F);
ENGINE_SAME(DataType::f16, CUDA_R_16F);
ENGINE_SAME(DataType::bf16, CUDA_R_16BF);
ENGINE_SAME(Compute::f32, CUBLAS_COMPUTE_32F);
ENGINE_SAME(Compute::f32_pedantic, CUBLAS_COMPUTE_32F_PEDANTIC);
ENGINE_SAME(Compute::tf32, CUBLAS_COMPUTE_32F_FAST_TF32);
ENGINE_SAME(default_algorithm, CUBLAS_GEMM_DEFAULT);
ENGINE_SAME(Property::major, MAJOR_VERSION);
ENGINE_SAME(Property::minor, MINOR_VERSION);
ENGINE_SAME(Property::patch, PATCH_LEVEL);
#undef ENGINE_SAME

}  // namespace engine::gpu::cublas
#endif

#include "kernels/cuda/cublas_api.h"

namespace engine::gpu::cublas {

std::size_t Api::version() const { return version_told_by(get_property); }

static std::variant<Api, NoApi> load(const std::string& file) {
  VendorLibrary library("cuBLAS", file);
  Api api{};
  library.find(api.get_property, "cublasGetProperty");
  library.find(api.get_status_string, "cublasGetStatusString");
  library.find(api.create, "cublasCreate_v2");
  library.find(api.destroy, "cublasDestroy_v2");
  library.find(api.set_stream, "cublasSetStream_v2");
  library.find(api.set_workspace, "cublasSetWorkspace_v2");
  library.find(api.gemm, "cublasGemmEx");
  if (auto no = library.refusal(api.get_property ? api.version() : 0, known_versions)) return *std::move(no);
  library.keep();
  return api;
}

std::variant<Api, NoApi> load_api(const std::vector<std::string>& files) { return first_of(files, load); }
std::variant<Api, NoApi> load_api() { return load_api({"libcublas.so.13", "libcublas.so.12"}); }

}  // namespace engine::gpu::cublas

#include "kernels/cuda/cusolver_api.h"

#include <array>

namespace engine::gpu::cusolver {

std::size_t Api::version() const { return version_told_by(get_property); }

std::string_view status_name(int status) {
  constexpr std::array<std::string_view, 10> names{
      "SUCCESS",       "NOT_INITIALIZED",  "ALLOC_FAILED",   "INVALID_VALUE",             "ARCH_MISMATCH",
      "MAPPING_ERROR", "EXECUTION_FAILED", "INTERNAL_ERROR", "MATRIX_TYPE_NOT_SUPPORTED", "NOT_SUPPORTED"};
  const auto i = static_cast<std::size_t>(status);
  return i < names.size() ? names[i] : "unknown";
}

static std::variant<Api, NoApi> load(const std::string& file) {
  VendorLibrary library("cuSOLVER", file);
  Api api{};
  library.find(api.get_property, "cusolverGetProperty");
  library.find(api.create, "cusolverDnCreate");
  library.find(api.destroy, "cusolverDnDestroy");
  library.find(api.set_stream, "cusolverDnSetStream");
  library.find(api.set_determinism, "cusolverDnSetDeterministicMode");
  library.find(api.create_parameters, "cusolverDnCreateParams");
  library.find(api.destroy_parameters, "cusolverDnDestroyParams");
  library.find(api.syevd_workspace, "cusolverDnXsyevd_bufferSize");
  library.find(api.syevd, "cusolverDnXsyevd");
  library.find(api.gesvd_workspace, "cusolverDnXgesvd_bufferSize");
  library.find(api.gesvd, "cusolverDnXgesvd");
  if (auto no = library.refusal(api.get_property ? api.version() : 0, known_versions)) return *std::move(no);
  library.keep();
  return api;
}

std::variant<Api, NoApi> load_api(const std::vector<std::string>& files) { return first_of(files, load); }
std::variant<Api, NoApi> load_api() { return load_api({"libcusolver.so.12", "libcusolver.so.11"}); }

}  // namespace engine::gpu::cusolver

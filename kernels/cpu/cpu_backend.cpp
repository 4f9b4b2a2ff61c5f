#include "kernels/cpu/cpu_backend.h"

#include <cblas.h>
#include <dnnl.hpp>
#include <fmt/core.h>
#include <omp.h>

namespace engine {

void register_cpu_backend() {
  static CpuBackend backend;
  register_backend(backend);
}

std::vector<std::pair<std::string, std::string>> CpuBackend::libraries() const {
  const dnnl_version_t& v = *dnnl_version();
  return {{"oneDNN", fmt::format("{}.{}.{}", v.major, v.minor, v.patch)}, {"OpenBLAS", openblas_get_config()}};
}

void set_cpu_threads(int n) {
  // oneDNN asks OpenMP for its threads at each call, and so does the OpenMP flavour of OpenBLAS.
  omp_set_dynamic(0);
  omp_set_num_threads(n > 0 ? n : omp_get_num_procs());
}

int cpu_threads() { return omp_get_max_threads(); }

}  // namespace engine

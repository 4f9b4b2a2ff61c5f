// The fast path on x86-64: oneDNN convolutions, OpenBLAS products, own vectorised loops; f32.
#pragma once

#include "kernels/backend.h"

namespace engine {

class CpuBackend final : public Backend {
 public:
  Device device() const override { return Device::cpu; }
  void synchronize() override {}
  std::vector<std::pair<std::string, std::string>> libraries() const override;

 protected:
#define ENGINE_OP(result, name, parameters, arguments) result do_##name parameters override;
#include "kernels/ops.def"
#undef ENGINE_OP
};

/// Makes device `cpu` available.
void register_cpu_backend();
/// Threads of the one pool that oneDNN, OpenBLAS and our own loops share; n <= 0 means one per core we may use.
void set_cpu_threads(int n);
int cpu_threads();

}  // namespace engine

// The oracle: every operation in plain loops, computed in double whatever the tensors hold (f32, f64, f16, bf16).
#pragma once

#include "kernels/backend.h"

namespace engine {

class ReferenceBackend final : public Backend {
 public:
  Device device() const override { return Device::reference; }
  void synchronize() override {}

 protected:
#define ENGINE_OP(result, name, parameters, arguments) result do_##name parameters override;
#include "kernels/ops.def"
#undef ENGINE_OP
};

/// Makes device `reference` available.
void register_reference_backend();

}  // namespace engine

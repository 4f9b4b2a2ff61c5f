#include "kernels/reference/reference_backend.h"

namespace engine {

void register_reference_backend() {
  static ReferenceBackend backend;
  register_backend(backend);
}

}  // namespace engine

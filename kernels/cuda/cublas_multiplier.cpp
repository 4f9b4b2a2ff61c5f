#include "kernels/cuda/cublas_multiplier.h"

#include <new>

#include "engine/tensor/error.h"

namespace engine::gpu::cublas {

Multiplier::Multiplier(const Api& api, void* stream, void* workspace, bool tf32) : api_(api), tf32_(tf32) {
  check(api.create(&handle_), "create a handle");
  try {
    // The stream first: setting it takes the workspace away.
    check(api.set_stream(handle_, stream), "set the stream");
    check(api.set_workspace(handle_, workspace, workspace_bytes), "set the workspace");
  } catch (...) {
    api.destroy(handle_);
    throw;
  }
}

Multiplier::~Multiplier() { api_.destroy(handle_); }

void Multiplier::check(int status, const char* what) const {
  if (status != success) throw DeviceFault("cuBLAS: cannot {}: {}", what, api_.get_status_string(status));
}

bool Multiplier::multiply(const Product& p) {
  const float one = 1.0f, zero = 0.0f;
  const auto op = [](bool transpose) { return transpose ? Operation::transpose : Operation::none; };
  // Where memory is read column by column, our rows are columns: y^T = op(b)^T op(a)^T.
  const int a_stride = p.transpose_a ? p.m : p.k, b_stride = p.transpose_b ? p.k : p.n;
  const Compute for_f32 = tf32_ && !p.strict ? Compute::tf32 : Compute::f32_pedantic;
  const Compute compute = p.type == DataType::f32 ? for_f32 : Compute::f32;
  const int status = api_.gemm(handle_, op(p.transpose_b), op(p.transpose_a), p.n, p.m, p.k, &one, p.b, p.type,
                               b_stride, p.a, p.type, a_stride, &zero, p.y, p.type, p.n, compute, default_algorithm);
  if (status == not_supported) return false;
  check(status, "multiply");
  return true;
}

MachineMultiplier machine_multiplier(void* stream, void* (*allocate_workspace)(std::size_t bytes), bool tf32) {
  if (!stream) return {nullptr, "own kernels, as asked for"};
  static const auto answer = load_api();
  if (const auto* no = std::get_if<NoApi>(&answer)) return {nullptr, "own kernels: " + no->reason};
  const Api& api = std::get<Api>(answer);
  try {
    return {std::make_unique<Multiplier>(api, stream, allocate_workspace(workspace_bytes), tf32),
            fmt::format("cuBLAS {}, {}", version_text(api.version()), tf32 ? "TF32" : "strict f32")};
  } catch (const DeviceFault& e) {
    return {nullptr, fmt::format("own kernels: {}", e.what())};
  } catch (const std::bad_alloc&) {
    return {nullptr, fmt::format("own kernels: cuBLAS wants {} MiB, which are not free", workspace_bytes >> 20)};
  }
}

}  // namespace engine::gpu::cublas

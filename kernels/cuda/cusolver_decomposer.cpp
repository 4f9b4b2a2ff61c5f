#include "kernels/cuda/cusolver_decomposer.h"

#include "engine/tensor/error.h"

namespace engine::gpu::cusolver {

constexpr DataType f32 = DataType::f32;
// Where memory is read column by column, our lower triangle is the upper one ...
constexpr Triangle triangle = Triangle::upper;
// ... and our w is its transpose, [length,rows] = right^T diag(s) left^T: u is right^T and vt is left^T, which lie in
// memory as right and left do.

Decomposer::Decomposer(const Api& api, void* stream) : api_(api) {
  try {
    check(api.create(&handle_), "create a handle");
    check(api.create_parameters(&parameters_), "create parameters");
    check(api.set_stream(handle_, stream), "set the stream");
    check(api.set_determinism(handle_, Determinism::same_bits), "promise the same bits each time");
  } catch (...) {
    destroy();
    throw;
  }
}

Decomposer::~Decomposer() { destroy(); }

void Decomposer::destroy() {
  if (parameters_) api_.destroy_parameters(parameters_);
  if (handle_) api_.destroy(handle_);
}

void Decomposer::check(int status, const char* what) const {
  if (status != success) throw DeviceFault("cuSOLVER: cannot {}: status {} ({})", what, status, status_name(status));
}

WorkspaceBytes Decomposer::workspace(const Eigh& p) const {
  WorkspaceBytes bytes;
  check(api_.syevd_workspace(handle_, parameters_, Vectors::yes, triangle, p.n, f32, p.a, p.n, f32, p.values, f32,
                             &bytes.on_device, &bytes.on_host),
        "size the workspace of eigh");
  return bytes;
}

WorkspaceBytes Decomposer::workspace(const Svd& p) const {
  WorkspaceBytes bytes;
  check(api_.gesvd_workspace(handle_, parameters_, short_side, short_side, p.length, p.rows, f32, p.w, p.length, f32,
                             p.s, f32, p.right, p.length, f32, p.left, p.rows, f32, &bytes.on_device, &bytes.on_host),
        "size the workspace of svd");
  return bytes;
}

void Decomposer::decompose(const Eigh& p, const Workspace& w, int* info) const {
  check(api_.syevd(handle_, parameters_, Vectors::yes, triangle, p.n, f32, p.a, p.n, f32, p.values, f32, w.on_device,
                   w.bytes.on_device, w.on_host, w.bytes.on_host, info),
        "compute eigh");
}

void Decomposer::decompose(const Svd& p, const Workspace& w, int* info) const {
  check(api_.gesvd(handle_, parameters_, short_side, short_side, p.length, p.rows, f32, p.w, p.length, f32, p.s, f32,
                   p.right, p.length, f32, p.left, p.rows, f32, w.on_device, w.bytes.on_device, w.on_host,
                   w.bytes.on_host, info),
        "compute svd");
}

MachineDecomposer machine_decomposer(void* stream) {
  if (!stream) return {nullptr, "own kernels, as asked for"};
  static const auto answer = load_api();
  if (const auto* no = std::get_if<NoApi>(&answer)) return {nullptr, "own kernels: " + no->reason};
  const Api& api = std::get<Api>(answer);
  try {
    return {std::make_unique<Decomposer>(api, stream), "cuSOLVER " + version_text(api.version())};
  } catch (const DeviceFault& e) {
    return {nullptr, std::string("own kernels: ") + e.what()};
  }
}

}  // namespace engine::gpu::cusolver

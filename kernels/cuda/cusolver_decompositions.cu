#include "kernels/cuda/cusolver_decompositions.h"

#include <cstddef>
#include <string_view>
#include <vector>

#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/jacobi.h"

namespace engine::ENGINE_CUDA_NS {

static gpu::cusolver::Decomposer* library = nullptr;

void set_cusolver(gpu::cusolver::Decomposer* decomposer) { library = decomposer; }

static Tensor transposed(Context& c, const Tensor& a) {
  const Tensor t = empty(c, {a.dim(1), a.dim(0)}, DType::f32);
  transpose_matrices(c, DType::f32, a.raw(), t.raw(), 1, a.dim(0), a.dim(1));
  return t;
}

template <class Problem>
static void decompose(Context& c, std::string_view op, const Tensor& a, const Problem& problem) {
  const gpu::cusolver::WorkspaceBytes bytes = library->workspace(problem);
  const Tensor on_device = empty(c, {static_cast<std::int64_t>(bytes.on_device)}, DType::u8);
  const Tensor info = empty(c, {}, DType::i32);
  std::vector<std::byte> on_host(bytes.on_host);
  library->decompose(problem, {on_device.raw(), on_host.data(), bytes}, pointer<int>(info));
  std::int32_t answer = 0;
  c.download(&answer, info.raw(), sizeof answer);
  if (answer > 0) throw NumericError("{}: no convergence for {} (cuSOLVER's answer {})", op, a.str(), answer);
  if (answer < 0) throw DeviceFault("{}: cuSOLVER refuses its argument {} for {}", op, -answer, a.str());
}

std::optional<EighResult> cusolver_eigh(Context& c, const Tensor& a, float factor) {
  if (!library) return std::nullopt;
  const std::int64_t n = a.dim(0);
  const Tensor vectors = scale(c, a, factor), values = empty(c, {n}, DType::f32);
  decompose(c, "eigh", a, gpu::cusolver::Eigh{n, pointer<float>(vectors), pointer<float>(values)});
  return eigh_result(c, n, values, 1.0f / factor, vectors);
}

std::optional<SvdResult> cusolver_svd(Context& c, const Tensor& a, float factor) {
  if (!library) return std::nullopt;
  const bool tall = a.dim(0) > a.dim(1);
  const Tensor w = scale(c, tall ? transposed(c, a) : a, factor);
  const std::int64_t k = w.dim(0);
  const Tensor left = empty(c, {k, k}, DType::f32), s = empty(c, {k}, DType::f32), right = empty_like(c, w);
  decompose(c, "svd", a, gpu::cusolver::Svd{k, w.dim(1), pointer<float>(w), pointer<float>(left), pointer<float>(s),
                                            pointer<float>(right)});
  // Of a tall matrix it was the transpose, whose right vectors are our left ones.
  const Tensor others = transposed(c, left);
  return svd_result(c, s, 1.0f / factor, tall ? right : others, tall ? others : right);
}

}  // namespace engine::ENGINE_CUDA_NS

// Many tensors of one type converted in one launch: the 16-bit copies of a network's weights.
#include "kernels/checks.h"
#include "kernels/cuda/map.cuh"
#include "kernels/cuda/movement.h"
#include "kernels/cuda/multi_tensor.cuh"

namespace engine::ENGINE_CUDA_NS {

/// A row of the table; see multi_tensor.cuh.
template <class From, class To>
struct CastRow {
  const From* from;
  To* to;
  std::int64_t n;
  std::int64_t first_piece;
};

template <class From, class To>
__global__ void __launch_bounds__(piece_threads)
    cast_all_kernel(const CastRow<From, To>* __restrict__ table, int rows) {
  constexpr int V = static_cast<int>(16 / (sizeof(From) > sizeof(To) ? sizeof(From) : sizeof(To)));
  std::int64_t begin = 0;
  const CastRow<From, To> r = row_of_piece(table, rows, static_cast<std::int64_t>(blockIdx.x), begin);
  const std::int64_t end = min(begin + piece_size, r.n);
  const bool whole_vectors =
      (reinterpret_cast<std::uintptr_t>(r.from) | reinterpret_cast<std::uintptr_t>(r.to)) % 16 == 0;
  const std::int64_t whole = whole_vectors ? end / V * V : begin;
  for (std::int64_t i = begin / V + threadIdx.x; i * V < whole; i += piece_threads) {
    const Vec<From, V> in = load<V>(r.from, i);
    Vec<To, V> out;
#pragma unroll
    for (int k = 0; k < V; ++k) out.v[k] = stored<To>(number(in.v[k]));
    store<V>(r.to, i, out);
  }
  for (std::int64_t i = whole + threadIdx.x; i < end; i += piece_threads) r.to[i] = stored<To>(number(r.from[i]));
}

template <class From, class To>
static void cast_rows(Context& c, const std::vector<Tensor>& xs, const std::vector<Tensor>& ys) {
  PieceTable<CastRow<From, To>> table;
  for (std::size_t i = 0; i < xs.size(); ++i)
    table.add({pointer<const From>(xs[i]), pointer<To>(ys[i]), xs[i].numel(), 0});
  if (table.empty()) return;
  const Tensor rows = table.upload(c);
  const double n = static_cast<double>(table.elements());
  launch<cast_all_kernel<From, To>>(c, {static_cast<unsigned>(table.pieces()), piece_threads},
                                    {n * (sizeof(From) + sizeof(To)), n}, pointer<const CastRow<From, To>>(rows),
                                    table.rows());
}

std::vector<Tensor> cast_all(Context& c, const std::vector<Tensor>& xs, DType dtype) {
  check_cast_all(xs, dtype);
  std::vector<Tensor> ys;
  for (const Tensor& x : xs) ys.push_back(x.dtype() == dtype ? clone(c, x) : empty_like(c, x, x.shape(), dtype));
  if (xs.empty() || xs[0].dtype() == dtype) return ys;
  with_floating("cast_all", xs[0], [&](auto from) {
    with_floating("cast_all", ys[0], [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      if constexpr (!std::is_same_v<From, To>) cast_rows<From, To>(c, xs, ys);
    });
  });
  return ys;
}

}  // namespace engine::ENGINE_CUDA_NS

#include "kernels/cuda/strided_copy.h"

#include <algorithm>

#include "kernels/cuda/dispatch.cuh"
#include "kernels/cuda/divisor.h"

namespace engine::ENGINE_CUDA_NS {

constexpr int max_dimensions = 8;

// What one access moves.
struct Bytes16 {
  Vec<std::uint32_t, 4> v;
};

template <class Index>
struct BoxWalk {
  int rank;
  Divisor<Index> extents[max_dimensions];  // innermost in `to` first
  Index from[max_dimensions], to[max_dimensions];
};

template <class T, class Index>
__global__ void __launch_bounds__(256)
    strided_copy_kernel(const T* __restrict__ from, T* __restrict__ to, Index n, BoxWalk<Index> walk) {
  for (Index i = static_cast<Index>(global_thread()); i < n; i += static_cast<Index>(global_threads())) {
    Index at_from = 0, at_to = 0, rest = i;
    for (int d = 0; d < walk.rank; ++d) {
      const auto [quotient, index] = walk.extents[d](rest);
      at_from += index * walk.from[d];
      at_to += index * walk.to[d];
      rest = quotient;
    }
    store<1>(to, at_to, load<1>(from, at_from));
  }
}

struct Dimension {
  std::int64_t extent, from, to;
};

// The box's dimensions, innermost in `to` first, without those of one element; neighbours that both sides pass without
// a jump are one.
static std::vector<Dimension> merged(const std::vector<std::int64_t>& extents, const StridedPlace& from,
                                     const StridedPlace& to) {
  std::vector<Dimension> dims;
  for (std::size_t i = 0; i < extents.size(); ++i)
    if (extents[i] != 1) dims.push_back({extents[i], from.strides[i], to.strides[i]});
  std::stable_sort(dims.begin(), dims.end(), [](const Dimension& a, const Dimension& b) { return a.to < b.to; });
  std::vector<Dimension> out;
  for (const Dimension& d : dims) {
    if (!out.empty() && d.to == out.back().to * out.back().extent && d.from == out.back().from * out.back().extent)
      out.back().extent *= d.extent;
    else
      out.push_back(d);
  }
  if (out.empty()) out.push_back({1, 1, 1});
  return out;
}

// The widest access, in elements, that divides everything: rows, jumps and both addresses.
static std::int64_t elements_per_access(const std::vector<Dimension>& dims, std::size_t size, std::uintptr_t from,
                                        std::uintptr_t to) {
  if (dims[0].from != 1 || dims[0].to != 1) return 1;
  auto common = static_cast<std::uint64_t>(dims[0].extent) * size | from | to | 16;
  for (std::size_t d = 1; d < dims.size(); ++d)
    common |= static_cast<std::uint64_t>(dims[d].from) * size | static_cast<std::uint64_t>(dims[d].to) * size;
  const std::uint64_t bytes = common & (~common + 1);  // lowest bit: the largest power of two that divides all
  return static_cast<std::int64_t>(std::max<std::uint64_t>(bytes, size) / size);
}

template <class T, class Index>
static void launch_copy(Context& c, const std::vector<Dimension>& dims, const void* from, void* to, std::int64_t n) {
  BoxWalk<Index> walk{};
  walk.rank = static_cast<int>(dims.size());
  for (std::size_t d = 0; d < dims.size(); ++d) {
    walk.extents[d] = Divisor<Index>(static_cast<Index>(dims[d].extent));
    walk.from[d] = static_cast<Index>(dims[d].from);
    walk.to[d] = static_cast<Index>(dims[d].to);
  }
  const Cost cost{2.0 * static_cast<double>(n) * sizeof(T), 0};
  launch<strided_copy_kernel<T, Index>>(c, c.grid_stride(n), cost, static_cast<const T*>(from), static_cast<T*>(to),
                                        static_cast<Index>(n), walk);
}

template <class T>
static void copy_as(Context& c, const std::vector<Dimension>& dims, const void* from, void* to) {
  std::int64_t n = 1, reach_from = 0, reach_to = 0;
  for (const Dimension& d : dims) {
    n *= d.extent;
    reach_from += (d.extent - 1) * d.from;
    reach_to += (d.extent - 1) * d.to;
  }
  if (std::max({n, reach_from, reach_to}) < (std::int64_t{1} << 31))
    launch_copy<T, std::uint32_t>(c, dims, from, to, n);
  else
    launch_copy<T, std::uint64_t>(c, dims, from, to, n);
}

void strided_copy(Context& c, const std::vector<std::int64_t>& extents, const StridedPlace& from,
                  const StridedPlace& to) {
  if (std::find(extents.begin(), extents.end(), 0) != extents.end()) return;
  std::vector<Dimension> dims = merged(extents, from, to);
  if (dims.size() > max_dimensions)
    throw UsageError("{} and {} share no order in more than {} dimensions", from.tensor.str(), to.tensor.str(),
                     max_dimensions);
  const std::size_t size = size_of(from.tensor.dtype());
  const auto* source = static_cast<const std::byte*>(from.tensor.raw()) + static_cast<std::size_t>(from.first) * size;
  auto* target = static_cast<std::byte*>(to.tensor.raw()) + static_cast<std::size_t>(to.first) * size;
  const std::int64_t wide = elements_per_access(dims, size, reinterpret_cast<std::uintptr_t>(source),
                                                reinterpret_cast<std::uintptr_t>(target));
  dims[0].extent /= wide;
  for (std::size_t d = 1; d < dims.size(); ++d) dims[d].from /= wide, dims[d].to /= wide;
  switch (size * static_cast<std::size_t>(wide)) {
    case 1: return copy_as<std::uint8_t>(c, dims, source, target);
    case 2: return copy_as<std::uint16_t>(c, dims, source, target);
    case 4: return copy_as<std::uint32_t>(c, dims, source, target);
    case 8: return copy_as<std::uint64_t>(c, dims, source, target);
    default: return copy_as<Bytes16>(c, dims, source, target);
  }
}

}  // namespace engine::ENGINE_CUDA_NS

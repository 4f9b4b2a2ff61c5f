// One launch over many tensors of different sizes. A table in device memory says which elements belong to which tensor;
// each block takes one piece of one tensor, so that neither 10 elements nor 10 million unbalance the grid.
#pragma once

#include <vector>

#include "kernels/cuda/dispatch.cuh"

namespace engine::ENGINE_CUDA_NS {

/// Elements of a block: enough to hide the look-up in the table.
constexpr int piece_size = 2048;
constexpr int piece_threads = 256;

/// A row of the table. Arrays lie in one layout; those an operation does not use are null.
template <class T>
struct MultiTensorRow {
  T* param;
  const T* grad;
  T *m, *v;
  std::int64_t n;
  std::int64_t first_piece;  ///< number of pieces of the rows before
  double lr_mult;
  float decay;
};

/// The piece of block `piece`: its row (by bisection, the same for all threads) and first element.
template <class Row>
__device__ __forceinline__ Row row_of_piece(const Row* table, int rows, std::int64_t piece, std::int64_t& begin) {
  int low = 0, high = rows - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (table[middle].first_piece <= piece)
      low = middle;
    else
      high = middle - 1;
  }
  begin = (piece - table[low].first_piece) * piece_size;
  return table[low];
}

/// The table on the host while it grows. A row is a struct with `n` and `first_piece` as above.
template <class Row>
class PieceTable {
 public:
  void add(Row row) {
    if (row.n == 0) return;
    row.first_piece = pieces_;
    pieces_ += (row.n + piece_size - 1) / piece_size;
    elements_ += row.n;
    rows_.push_back(row);
  }
  bool empty() const { return rows_.empty(); }
  int rows() const { return static_cast<int>(rows_.size()); }
  std::int64_t pieces() const { return pieces_; }
  /// Of all tensors together.
  std::int64_t elements() const { return elements_; }
  /// The table as device memory; the tensor must live until the launch is queued.
  Tensor upload(Context& c) const {
    const auto bytes = static_cast<std::int64_t>(rows_.size() * sizeof(Row));
    Tensor t = c.empty({bytes}, DType::u8);
    c.upload(t.raw(), rows_.data(), static_cast<std::size_t>(bytes));
    return t;
  }

 private:
  std::vector<Row> rows_;
  std::int64_t pieces_ = 0, elements_ = 0;
};

}  // namespace engine::ENGINE_CUDA_NS

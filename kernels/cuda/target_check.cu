#include "kernels/cuda/target_check.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "kernels/cuda/dispatch.cuh"

namespace engine::ENGINE_CUDA_NS {

using Row = unsigned long long;  // what atomicMin takes
constexpr Row no_row = ~Row{0};

__global__ void __launch_bounds__(256)
    find_wrong_target_kernel(const std::int64_t* __restrict__ target, std::int64_t n, std::int64_t classes,
                             std::int64_t ignore_index, Row* first) {
  Row wrong = no_row;
  for (std::int64_t i = global_thread(); i < n; i += global_threads()) {
    const std::int64_t t = target[i];
    if (t != ignore_index && (t < 0 || t >= classes)) wrong = min(wrong, static_cast<Row>(i));
  }
  if (wrong != no_row) atomicMin(first, wrong);
}

// The latest tensors found right. A storage's id is never used again, so no entry has to be taken out.
struct CheckedTarget {
  std::uint64_t storage = 0, version = 0;
  std::int64_t rows = 0, classes = 0, ignore_index = 0;
  bool operator==(const CheckedTarget&) const = default;
};

class CheckedTargets {
 public:
  bool has(const CheckedTarget& c) {
    std::lock_guard lock(mutex_);
    return std::find(entries_.begin(), entries_.end(), c) != entries_.end();
  }
  void add(const CheckedTarget& c) {
    std::lock_guard lock(mutex_);
    entries_[next_++ % entries_.size()] = c;
  }

 private:
  std::mutex mutex_;
  std::array<CheckedTarget, 16> entries_;
  std::size_t next_ = 0;
};

static CheckedTargets& checked_targets() {
  static CheckedTargets m;
  return m;
}

static CheckedTarget key_of(const Tensor& target, std::int64_t classes, std::int64_t ignore_index) {
  return {target.storage()->id(), target.storage()->version, target.numel(), classes, ignore_index};
}

TargetCheck::TargetCheck(Context& c, const Tensor& target, std::int64_t classes, std::int64_t ignore_index)
    : c_(c), target_(target), classes_(classes), ignore_index_(ignore_index) {
  if (target.numel() == 0 || c.recorder || checked_targets().has(key_of(target, classes, ignore_index))) return;
  first_ = empty(c, {}, DType::i64);
  c.runtime().set_bytes(first_.raw(), 0xFF, first_.bytes(), c.compute());
  launch<find_wrong_target_kernel>(c, c.grid_stride(target.numel()), {static_cast<double>(target.bytes()), 0},
                                   pointer<const std::int64_t>(target), target.numel(), classes, ignore_index,
                                   pointer<Row>(first_));
  searched_ = c.runtime().make_event();
  c.runtime().record(*searched_, c.compute());
}

void TargetCheck::finish() {
  if (!first_.defined()) return;
  gpu::Runtime& runtime = c_.runtime();
  const gpu::Stream download = runtime.stream(gpu::StreamName::download);
  Row first = no_row;
  runtime.wait(download, *searched_);
  runtime.copy_to_host(&first, first_.raw(), sizeof first, download);
  runtime.synchronize(download);
  first_ = {};
  if (first != no_row) {
    std::int64_t wrong = 0;
    c_.download(&wrong, pointer<const std::int64_t>(target_) + first, sizeof wrong);
    throw DataError("softmax_cross_entropy: target {} of row {} is outside of [0, {})", wrong, first, classes_);
  }
  checked_targets().add(key_of(target_, classes_, ignore_index_));
}

}  // namespace engine::ENGINE_CUDA_NS

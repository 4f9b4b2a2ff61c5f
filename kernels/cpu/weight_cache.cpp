#include "kernels/cpu/weight_cache.h"

#include <list>
#include <mutex>
#include <unordered_map>

namespace engine::cpu {
namespace {

struct Entry {
  dnnl::memory::desc order;
  std::uint64_t version;
  int asked = 1;  // how often, for these contents
  Tensor bytes;   // undefined until they are kept
};

// A training step asks once, or twice where activations are recomputed: then the weights change. Evaluation goes on.
constexpr int asked_while_training = 2;

struct Cache {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::pair<std::weak_ptr<Storage>, std::list<Entry>>> by_storage;
  std::size_t sweep_at = 512;

  std::list<Entry>& entries_of(const std::shared_ptr<Storage>& storage) {
    if (by_storage.size() >= sweep_at) {
      std::erase_if(by_storage, [](const auto& item) { return item.second.first.expired(); });
      sweep_at = 2 * by_storage.size() + 512;
    }
    auto& [owner, entries] = by_storage[storage->id()];
    owner = storage;
    return entries;
  }
};

Cache& cache() {
  static auto* instance = new Cache;  // outlives static tensors
  return *instance;
}

Tensor reordered(const Tensor& weights, const dnnl::memory::desc& plain, const dnnl::memory::desc& wanted) {
  Tensor bytes = empty({static_cast<std::int64_t>(wanted.get_size())}, DType::u8);
  dnnl::memory from = wrap(plain, weights), to = wrap(wanted, bytes);
  dnnl::reorder(from, to).execute(dnnl_stream(), from, to);
  dnnl_stream().wait();
  return bytes;
}

}  // namespace

OrderedWeights::OrderedWeights(const Tensor& weights, const dnnl::memory::desc& plain,
                               const dnnl::memory::desc& wanted) {
  if (!weights.plain()) throw UsageError("conv2d: weights must be in plain layout, found {}", weights.str());
  if (plain == wanted) {
    bytes_ = weights;
    memory_ = wrap(wanted, weights);
    return;
  }
  const std::uint64_t version = weights.storage()->version;
  bool keep = false;
  {
    const std::lock_guard lock(cache().mutex);
    for (Entry& e : cache().entries_of(weights.storage())) {
      if (!(e.order == wanted)) continue;
      if (e.version == version) {
        keep = ++e.asked > asked_while_training;
        bytes_ = e.bytes;
      } else {
        e = {wanted, version};
      }
      break;
    }
  }
  if (!bytes_.defined()) {
    bytes_ = reordered(weights, plain, wanted);
    const std::lock_guard lock(cache().mutex);
    auto& entries = cache().entries_of(weights.storage());
    const auto it = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.order == wanted; });
    if (it == entries.end())
      entries.push_back({wanted, version});
    else if (keep && it->version == version)
      it->bytes = bytes_;
  }
  memory_ = wrap(wanted, bytes_);
}

}  // namespace engine::cpu

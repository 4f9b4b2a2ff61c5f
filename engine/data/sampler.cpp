#include "engine/data/sampler.h"

#include <numeric>

#include "engine/tensor/error.h"
#include "engine/tensor/philox.h"

namespace engine {
namespace {

// Fisher-Yates.
void shuffle(std::vector<std::size_t>& v, Random& random) {
  for (std::size_t i = v.size(); i > 1; --i) std::swap(v[i - 1], v[random.below(static_cast<std::uint32_t>(i))]);
}

std::vector<std::size_t> balanced(const Dataset& data, Random& random) {
  if (data.task() != Task::multi_class) throw UsageError("balanced sampling needs one class per picture");
  std::vector<std::vector<std::size_t>> members(data.classes().size());
  for (std::size_t i = 0; i < data.size(); ++i) members[static_cast<std::size_t>(data.sample(i).label)].push_back(i);
  std::erase_if(members, [](const auto& m) { return m.empty(); });
  std::vector<std::size_t> order;
  for (std::size_t c = 0; c < members.size(); ++c) {
    shuffle(members[c], random);
    // n draws over k classes: the first n mod k classes get one more.
    const std::size_t draws = data.size() / members.size() + (c < data.size() % members.size());
    for (std::size_t i = 0; i < draws; ++i) order.push_back(members[c][i % members[c].size()]);
  }
  shuffle(order, random);
  return order;
}

}  // namespace

std::vector<std::size_t> epoch_order(const Dataset& data, Sampling sampling, std::uint64_t seed, std::uint32_t epoch) {
  RandomKey key(seed, sampling == Sampling::balanced ? RandomStream::sampler : RandomStream::shuffle);
  key.epoch = epoch;
  Random random(key);
  if (sampling == Sampling::balanced) return balanced(data, random);
  std::vector<std::size_t> order(data.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (sampling == Sampling::shuffled) shuffle(order, random);
  return order;
}

}  // namespace engine

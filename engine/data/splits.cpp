#include "engine/data/splits.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/tensor/error.h"
#include "engine/tensor/philox.h"

namespace engine {

SplitIndices split_by_group(const Dataset& data, double fraction, std::uint64_t seed) {
  if (!(fraction >= 0.0 && fraction < 1.0))
    throw UsageError("a split needs a fraction in [0, 1), found {}", fraction);
  std::map<std::string, std::vector<std::size_t>> groups;  // sorted: the rows' order has no say
  for (std::size_t i = 0; i < data.size(); ++i) groups[data.sample(i).group].push_back(i);
  std::vector<const std::vector<std::size_t>*> order;
  for (const auto& [name, members] : groups) order.push_back(&members);
  Random random(RandomKey(seed, RandomStream::split));
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);

  const auto wanted = static_cast<std::size_t>(fraction * static_cast<double>(data.size()) + 0.5);
  SplitIndices split;
  for (std::size_t g = 0; g < order.size(); ++g) {
    const bool take = split.taken.size() < wanted && g + 1 < order.size();
    auto& to = take ? split.taken : split.kept;
    to.insert(to.end(), order[g]->begin(), order[g]->end());
  }
  std::sort(split.kept.begin(), split.kept.end());
  std::sort(split.taken.begin(), split.taken.end());
  return split;
}

void check_no_leak(const Dataset& a, const Dataset& b) {
  std::set<std::string> groups, shared;
  for (const Sample& s : a.samples()) groups.insert(s.group);
  for (const Sample& s : b.samples())
    if (groups.count(s.group)) shared.insert(s.group);
  if (!shared.empty())
    throw DataError("group '{}' occurs in both {} and {} ({} group(s) do): results would be too good", *shared.begin(),
                    a.name(), b.name(), shared.size());
}

}  // namespace engine

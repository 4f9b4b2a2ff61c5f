#include "engine/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <unordered_map>

#include "engine/metrics/binary.h"
#include "engine/metrics/resampled_auc.h"
#include "engine/tensor/error.h"
#include "engine/tensor/multiversion.h"
#include "engine/tensor/philox.h"

namespace engine {
namespace {

// How often each group is drawn in resample `r`, as many draws as groups, with replacement: added to
// count[group * stride]. The draws are those of Random::below, 32 Philox blocks at a time so that the rounds vectorise.
// A byte holds the count: up to 255 groups it cannot be larger, and beyond that 256 draws of one group have a chance
// below 1/256!.
ENGINE_MULTIVERSION
void draw_groups(std::uint32_t groups, std::uint64_t seed, int r, std::uint8_t* count, std::size_t stride) {
  constexpr std::uint32_t blocks = 32, draws = 4 * blocks;
  RandomKey key(seed, RandomStream::bootstrap);
  key.step = static_cast<std::uint32_t>(r);
  const auto words = philox_key(key);
  for (std::uint32_t drawn = 0; drawn < groups; drawn += draws) {
    std::uint32_t group[4][blocks];
    for (std::uint32_t i = 0; i < blocks; ++i) {
      const auto bits = philox4x32({drawn / 4 + i, 0, key.sample, key.step}, words);
      for (std::size_t w = 0; w < 4; ++w)
        group[w][i] = static_cast<std::uint32_t>(std::uint64_t{bits[w]} * groups >> 32);
    }
    if (groups - drawn >= draws) {
      for (const auto& of_word : group)
        for (const std::uint32_t g : of_word) ++count[g * stride];
    } else {
      for (std::uint32_t i = 0; i < groups - drawn; ++i) ++count[group[i % 4][i / 4] * stride];
    }
  }
}

Interval percentile_interval(const std::vector<double>& values) {
  std::vector<double> v;
  for (double x : values)
    if (!std::isnan(x)) v.push_back(x);
  if (v.empty()) return {undefined, undefined};
  std::sort(v.begin(), v.end());
  const auto at = [&](double share) {  // linear between order statistics, as numpy.percentile
    const double position = share * static_cast<double>(v.size() - 1);
    const auto low = static_cast<std::size_t>(position);
    const std::size_t high = std::min(low + 1, v.size() - 1);
    return v[low] + (position - static_cast<double>(low)) * (v[high] - v[low]);
  };
  return {at(0.025), at(0.975)};
}

BootstrapResult finish(std::vector<double> values) {
  BootstrapResult r;
  r.ci95 = percentile_interval(values);
  r.undefined = static_cast<int>(std::count_if(values.begin(), values.end(), [](double v) { return std::isnan(v); }));
  r.values = std::move(values);
  return r;
}

void check(const Clusters& c, const BootstrapOptions& o) {
  if (o.resamples < 1) throw UsageError("bootstrap: {} resamples", o.resamples);
  for (std::uint32_t g : c.of_row)
    if (g >= c.count) throw UsageError("bootstrap: group {} of {}", g, c.count);
}

}  // namespace

Clusters clusters_of(const std::vector<std::string>& groups) {
  Clusters c;
  std::unordered_map<std::string, std::uint32_t> number;
  for (const std::string& g : groups) {
    const auto [it, fresh] = number.emplace(g, c.count);
    if (fresh) ++c.count;
    c.of_row.push_back(it->second);
  }
  return c;
}

BootstrapResult bootstrap_auc(std::span<const double> score, std::span<const int> label, const Clusters& clusters,
                              const BootstrapOptions& options) {
  check(clusters, options);
  if (clusters.of_row.size() != score.size())
    throw UsageError("bootstrap: {} groups for {} scores", clusters.of_row.size(), score.size());
  roc_auc({score, label});  // checks scores and labels
  if (score.size() > ResampledAuc::max_rows)
    return bootstrap(
        clusters,
        [&](std::span<const double> weight) {
          return roc_auc({score, label, weight});
        },
        options);
  const ResampledAuc auc(score, label, clusters.of_row);
  constexpr int lanes = static_cast<int>(ResampledAuc::lanes);
  std::vector<double> values(static_cast<std::size_t>(options.resamples));
#pragma omp parallel
  {
    std::vector<std::uint8_t> count;
#pragma omp for schedule(dynamic)
    for (int first = 0; first < options.resamples; first += lanes) {
      const int n = std::min(lanes, options.resamples - first);
      count.assign(std::size_t{clusters.count} * ResampledAuc::lanes, 0);
      for (int l = 0; l < n; ++l)
        draw_groups(clusters.count, options.seed, first + l, count.data() + l, ResampledAuc::lanes);
      std::copy_n(auc(count).begin(), n, values.begin() + first);
    }
  }
  return finish(std::move(values));
}

BootstrapResult bootstrap(const Clusters& clusters, const std::function<double(std::span<const double>)>& metric,
                          const BootstrapOptions& options) {
  check(clusters, options);
  std::vector<double> values(static_cast<std::size_t>(options.resamples));
  std::exception_ptr failure;
#pragma omp parallel
  {
    std::vector<std::uint8_t> count;
    std::vector<double> weight(clusters.of_row.size());
#pragma omp for schedule(dynamic, 8)
    for (int r = 0; r < options.resamples; ++r) {
      count.assign(clusters.count, 0);
      draw_groups(clusters.count, options.seed, r, count.data(), 1);
      for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = count[clusters.of_row[i]];
      try {
        values[static_cast<std::size_t>(r)] = metric(weight);
      } catch (...) {
#pragma omp critical
        if (!failure) failure = std::current_exception();
      }
    }
  }
  if (failure) std::rethrow_exception(failure);
  return finish(std::move(values));
}

}  // namespace engine

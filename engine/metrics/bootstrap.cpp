#include "engine/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "engine/metrics/binary.h"
#include "engine/tensor/error.h"
#include "engine/tensor/philox.h"

namespace engine {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// How often each group is drawn in resample `r`: as many draws as groups, with replacement.
void draw_groups(std::uint32_t groups, std::uint64_t seed, int r, std::vector<std::uint32_t>& count) {
  count.assign(groups, 0);
  RandomKey key(seed, RandomStream::bootstrap);
  key.step = static_cast<std::uint32_t>(r);
  Random random(key);
  for (std::uint32_t i = 0; i < groups; ++i) ++count[random.below(groups)];
}

Interval percentile_interval(const std::vector<double>& values) {
  std::vector<double> v;
  for (double x : values)
    if (!std::isnan(x)) v.push_back(x);
  if (v.empty()) return {nan, nan};
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

// Rows sorted by score; rows of equal score are one block.
struct SortedRows {
  std::vector<std::uint32_t> group;
  std::vector<std::uint32_t> positive;     // all ones for label 1, zero for 0: a mask
  std::vector<std::uint32_t> block_begin;  // and one entry behind the last block

  SortedRows(std::span<const double> score, std::span<const int> label, const Clusters& clusters) {
    std::vector<std::uint32_t> order(score.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return score[a] < score[b]; });
    for (std::uint32_t i = 0; i < order.size(); ++i) {
      if (i == 0 || score[order[i]] != score[order[i - 1]]) block_begin.push_back(i);
      group.push_back(clusters.of_row[order[i]]);
      positive.push_back(label[order[i]] ? ~0u : 0u);
    }
    block_begin.push_back(static_cast<std::uint32_t>(order.size()));
  }

  double auc(const std::vector<std::uint32_t>& count) const {
    std::uint64_t below = 0, positives = 0, twice_area = 0;  // negatives below the present block
    for (std::size_t b = 0; b + 1 < block_begin.size(); ++b) {
      std::uint64_t p = 0, n = 0;
      for (std::uint32_t i = block_begin[b]; i < block_begin[b + 1]; ++i) {
        const std::uint32_t weight = count[group[i]];
        p += weight & positive[i];
        n += weight & ~positive[i];
      }
      twice_area += p * (2 * below + n);
      below += n;
      positives += p;
    }
    if (positives == 0 || below == 0) return nan;
    return 0.5 * static_cast<double>(twice_area) / (static_cast<double>(positives) * static_cast<double>(below));
  }
};

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
  const SortedRows rows(score, label, clusters);
  std::vector<double> values(static_cast<std::size_t>(options.resamples));
#pragma omp parallel
  {
    std::vector<std::uint32_t> count;
#pragma omp for schedule(dynamic, 8)
    for (int r = 0; r < options.resamples; ++r) {
      draw_groups(clusters.count, options.seed, r, count);
      values[static_cast<std::size_t>(r)] = rows.auc(count);
    }
  }
  return finish(std::move(values));
}

BootstrapResult bootstrap(const Clusters& clusters, const std::function<double(std::span<const double>)>& metric,
                          const BootstrapOptions& options) {
  check(clusters, options);
  std::vector<double> values(static_cast<std::size_t>(options.resamples));
#pragma omp parallel
  {
    std::vector<std::uint32_t> count;
    std::vector<double> weight(clusters.of_row.size());
#pragma omp for schedule(dynamic, 8)
    for (int r = 0; r < options.resamples; ++r) {
      draw_groups(clusters.count, options.seed, r, count);
      for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = count[clusters.of_row[i]];
      values[static_cast<std::size_t>(r)] = metric(weight);
    }
  }
  return finish(std::move(values));
}

}  // namespace engine

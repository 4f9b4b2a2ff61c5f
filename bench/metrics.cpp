#include "bench/metrics.h"

#include <algorithm>
#include <chrono>

#include "engine/metrics/binary.h"
#include "engine/tensor/error.h"

namespace engine::bench {
namespace {

// bench/peers/bootstrap.py has the same lines: both sides resample the same scores.
double uniform(std::uint64_t seed, std::uint64_t index, std::uint64_t k) {
  std::uint64_t z = (seed + 4 * index + k + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return static_cast<double>((z ^ z >> 31) >> 11) * 0x1p-53;
}

}  // namespace

MetricsResult bench_metrics(const MetricsOptions& o) {
  if (o.scores < 1 || o.groups < 1 || o.groups > o.scores || o.repeats < 1)
    throw UsageError("bench metrics: {} scores in {} groups, {} repeats", o.scores, o.groups, o.repeats);
  std::vector<double> score;
  std::vector<int> label;
  Clusters clusters;
  clusters.count = o.groups;
  for (std::uint32_t i = 0; i < o.scores; ++i) {
    const std::uint32_t group = i % o.groups;
    label.push_back(uniform(o.seed, i, 0) < 0.2);
    score.push_back(uniform(o.seed, i, 1) + uniform(o.seed, i, 2) + 0.4 * label.back() + uniform(o.seed, group, 3));
    clusters.of_row.push_back(group);
  }
  MetricsResult r;
  for (int i = 0; i < o.repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    r.ci95 = bootstrap_auc(score, label, clusters, {o.resamples, o.seed}).ci95;
    r.seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  r.auc = roc_auc({score, label});
  std::vector<double> sorted = r.seconds;
  std::sort(sorted.begin(), sorted.end());
  r.median_seconds = sorted[sorted.size() / 2];
  return r;
}

}  // namespace engine::bench

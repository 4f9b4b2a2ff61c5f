// Shared by the tests of metrics: random rows, and an AUC that counts pairs.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "engine/metrics/binary.h"
#include "engine/tensor/philox.h"

namespace engine::test {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Rows {
  std::vector<double> score, weight;
  std::vector<int> label;

  BinaryData data() const { return {score, label}; }
  BinaryData weighted() const { return {score, label, weight}; }
};

inline Random random_of(std::uint64_t seed) { return Random(RandomKey(seed, RandomStream::test)); }

/// Probabilities whose mean depends on the label, in steps of 1 / grid (0: no steps); weights in {0, 1/4, ... 7/4}.
inline Rows random_rows(std::uint64_t seed, std::size_t n, float prevalence, int grid) {
  Random random = random_of(seed);
  Rows r;
  for (std::size_t i = 0; i < n; ++i) {
    const int label = random.bernoulli(prevalence);
    const double score = 1.0 / (1.0 + std::exp(-(random.normal() + 1.2 * (label - 0.5))));
    r.label.push_back(label);
    r.score.push_back(grid ? std::round(score * grid) / grid : score);
    r.weight.push_back(0.25 * random.below(8));
  }
  return r;
}

/// The share of (positive, negative) pairs in the right order, a tie being half right. O(n^2).
inline double pairwise_auc(const BinaryData& d) {
  double right = 0.0, all = 0.0;
  for (std::size_t i = 0; i < d.score.size(); ++i)
    for (std::size_t j = 0; j < d.score.size(); ++j) {
      if (d.label[i] != 1 || d.label[j] != 0) continue;
      const double w = d.weight.empty() ? 1.0 : d.weight[i] * d.weight[j];
      all += w;
      if (d.score[i] > d.score[j]) right += w;
      if (d.score[i] == d.score[j]) right += 0.5 * w;
    }
  return all > 0.0 ? right / all : nan;
}

/// False for NaN.
inline bool near(double a, double b, double tolerance = 1e-12) { return std::abs(a - b) <= tolerance; }

}  // namespace engine::test

#include "engine/metrics/resampled_auc.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "engine/tensor/multiversion.h"

namespace engine {
namespace {

constexpr std::size_t lanes = ResampledAuc::lanes;
using Bytes [[gnu::vector_size(lanes)]] = std::uint8_t;
using Words [[gnu::vector_size(4 * lanes)]] = std::uint32_t;
using Longs [[gnu::vector_size(8 * lanes)]] = std::uint64_t;

struct Sums {
  std::uint64_t twice_area[lanes];
  std::uint32_t positives[lanes], negatives[lanes];
};

// The compiler does not keep arrays of this size in registers; vector types it does.
ENGINE_MULTIVERSION
void sweep(std::span<const ResampledAuc::Step> steps, const std::uint32_t* group, const std::uint8_t* count,
           Sums& sums) {
  Words below{}, positives{};
  Longs twice_area{};
  const auto add = [&](std::uint32_t row, Words& to) {
    Bytes drawn;
    std::memcpy(&drawn, count + std::size_t{group[row]} * lanes, lanes);
    to += __builtin_convertvector(drawn, Words);
  };
  std::uint32_t row = 0;
  for (const ResampledAuc::Step& step : steps) {
    Words tied{}, here{};
    for (; row < step.below_end; ++row) add(row, below);
    for (; row < step.tied_end; ++row) add(row, tied);
    for (; row < step.positive_end; ++row) add(row, here);
    twice_area += __builtin_convertvector(here, Longs) * __builtin_convertvector(2 * below + tied, Longs);
    below += tied;
    positives += here;
  }
  std::memcpy(sums.twice_area, &twice_area, sizeof twice_area);
  std::memcpy(sums.positives, &positives, sizeof positives);
  std::memcpy(sums.negatives, &below, sizeof below);
}

}  // namespace

ResampledAuc::ResampledAuc(std::span<const double> score, std::span<const int> label,
                           std::span<const std::uint32_t> group) {
  const auto rows = static_cast<std::uint32_t>(score.size());
  std::vector<std::uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return score[a] != score[b] ? score[a] < score[b] : label[a] < label[b];
  });
  const auto negatives_end = [&](std::uint32_t i) {
    while (i < rows && label[order[i]] == 0) ++i;
    return i;
  };
  for (std::uint32_t i = 0; i < rows;) {
    Step step{};
    const std::uint32_t end = negatives_end(i);
    // Of these negatives, those that share the score of the first positive behind them are tied with it.
    std::uint32_t tied = end;
    while (end < rows && tied > i && score[order[tied - 1]] == score[order[end]]) --tied;
    step.below_end = tied;
    step.tied_end = end;
    // Positives follow up to the next negative; behind tied negatives only those of the same score.
    std::uint32_t positive = end;
    while (positive < rows && label[order[positive]] != 0 &&
           (tied == end || score[order[positive]] == score[order[end]]))
      ++positive;
    step.positive_end = i = positive;
    steps_.push_back(step);
  }
  group_.reserve(rows);
  for (const std::uint32_t row : order) group_.push_back(group[row]);
}

std::array<double, lanes> ResampledAuc::operator()(std::span<const std::uint8_t> count) const {
  Sums sums;
  sweep(steps_, group_.data(), count.data(), sums);
  std::array<double, lanes> auc;
  for (std::size_t l = 0; l < lanes; ++l) {
    const double pairs = static_cast<double>(sums.positives[l]) * static_cast<double>(sums.negatives[l]);
    auc[l] =
        pairs > 0.0 ? 0.5 * static_cast<double>(sums.twice_area[l]) / pairs : std::numeric_limits<double>::quiet_NaN();
  }
  return auc;
}

}  // namespace engine

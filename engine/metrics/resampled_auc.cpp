#include "engine/metrics/resampled_auc.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "engine/tensor/multiversion.h"

namespace engine {
namespace {

constexpr std::size_t lanes = ResampledAuc::lanes;
// A group's counts are `lanes` bytes; seen as 32-bit words, byte b of word w belongs to resample 4 w + b. Vector types,
// because the compiler keeps no arrays of this size in registers, and shifts, because it widens bytes one by one.
using Words [[gnu::vector_size(lanes)]] = std::uint32_t;
using Longs [[gnu::vector_size(lanes)]] = std::uint64_t;

// One number for each resample: those of byte b of all words in byte[b].
struct Lanes {
  Words byte[4];

  void add(const std::uint8_t* count) {
    Words v;
    std::memcpy(&v, count, lanes);
    byte[0] += v & 0xFFu;
    byte[1] += v >> 8 & 0xFFu;
    byte[2] += v >> 16 & 0xFFu;
    byte[3] += v >> 24;
  }
  std::uint32_t of(std::size_t resample) const { return byte[resample % 4][resample / 4]; }
};

// Products need 64 bits: even and odd words apart.
struct LongLanes {
  Longs even[4], odd[4];

  std::uint64_t of(std::size_t resample) const {
    const std::size_t word = resample / 4;
    return word % 2 ? odd[resample % 4][word / 2] : even[resample % 4][word / 2];
  }
};

struct Sums {
  Lanes positives{}, negatives{};
  LongLanes twice_area{};
};

ENGINE_MULTIVERSION
void sweep(std::span<const ResampledAuc::Step> steps, const std::uint32_t* group, const std::uint8_t* count,
           Sums& sums) {
  Lanes below{}, positives{};
  LongLanes twice_area{};
  std::uint32_t row = 0;
  for (const ResampledAuc::Step& step : steps) {
    Lanes tied{}, here{};
    for (; row < step.below_end; ++row) below.add(count + std::size_t{group[row]} * lanes);
    for (; row < step.tied_end; ++row) tied.add(count + std::size_t{group[row]} * lanes);
    for (; row < step.positive_end; ++row) here.add(count + std::size_t{group[row]} * lanes);
    for (int b = 0; b < 4; ++b) {
      const auto beaten = reinterpret_cast<Longs>(2 * below.byte[b] + tied.byte[b]);
      const auto winners = reinterpret_cast<Longs>(here.byte[b]);
      twice_area.even[b] += (winners & 0xFFFFFFFFu) * (beaten & 0xFFFFFFFFu);
      twice_area.odd[b] += (winners >> 32) * (beaten >> 32);
      below.byte[b] += tied.byte[b];
      positives.byte[b] += here.byte[b];
    }
  }
  sums = {positives, below, twice_area};
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
    const double pairs = static_cast<double>(sums.positives.of(l)) * static_cast<double>(sums.negatives.of(l));
    auc[l] = pairs > 0.0 ? 0.5 * static_cast<double>(sums.twice_area.of(l)) / pairs
                         : std::numeric_limits<double>::quiet_NaN();
  }
  return auc;
}

}  // namespace engine

// The AUC of many resamples of the same rows: sorts once, then one sweep over the sorted rows serves several resamples.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace engine {

class ResampledAuc {
 public:
  /// Resamples a sweep serves, side by side in vector registers.
  static constexpr std::size_t lanes = 32;
  /// Sums over rows are in 32 bits: twice 255 draws of each row must fit.
  static constexpr std::size_t max_rows = std::size_t{1} << 23;

  /// Finite scores, labels 0 or 1, group of each row; at most max_rows of them.
  ResampledAuc(std::span<const double> score, std::span<const int> label, std::span<const std::uint32_t> group);
  /// count[group * lanes + l]: how often resample l drew the group. NaN where a resample has one label only.
  std::array<double, lanes> operator()(std::span<const std::uint8_t> count) const;

  /// Ends of three runs of rows: negatives below the step's positives, negatives of the same score, the positives.
  struct Step {
    std::uint32_t below_end, tied_end, positive_end;
  };

 private:
  std::vector<std::uint32_t> group_;  // of the rows, by score, in the order of the steps
  std::vector<Step> steps_;
};

}  // namespace engine

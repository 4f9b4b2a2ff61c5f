// Convolutions that the tests of both directions go through.
#pragma once

#include "tests/cuda/compare.h"

namespace engine::test {

struct ConvCase {
  Shape x, w;
  Conv2dParams p{};
  Shape y() const { return conv2d_output_shape(x, w, p); }
};

inline std::vector<ConvCase> conv_cases() {
  const Padding2d one = Padding2d::same(1);
  return {{{1, 1, 1, 1}, {1, 1, 1, 1}},
          {{2, 3, 7, 5}, {5, 3, 3, 3}, {{1, 1}, one}},
          {{2, 3, 11, 9}, {8, 3, 7, 7}, {{2, 2}, Padding2d::same(3)}},
          {{1, 16, 6, 7}, {24, 16, 3, 3}, {{1, 1}, one}},
          {{2, 8, 5, 5}, {16, 8, 1, 1}},
          {{2, 16, 9, 7}, {8, 16, 1, 1}, {{2, 2}}},
          {{1, 8, 9, 8}, {8, 8, 3, 3}, {{2, 1}, {0, 1, 2, 0}}},
          {{1, 7, 12, 5}, {9, 7, 3, 2}, {{1, 3}, {2, 1, 0, 1}, {3, 2}}},
          {{1, 8, 4, 4}, {3, 8, 2, 2}, {{3, 3}}},
          {{2, 32, 4, 5}, {16, 16, 3, 3}, {{1, 1}, one, {1, 1}, 2}},
          {{1, 6, 5, 4}, {9, 2, 3, 3}, {{1, 1}, one, {1, 1}, 3}},
          {{1, 8, 4, 3}, {24, 2, 3, 3}, {{1, 1}, one, {1, 1}, 4}},
          {{2, 4, 5, 4}, {8, 1, 3, 3}, {{2, 1}, one, {1, 1}, 4}},
          {{2, 40, 7, 5}, {40, 1, 3, 3}, {{1, 1}, one, {1, 1}, 40}},
          {{1, 5, 9, 8}, {5, 1, 5, 3}, {{2, 2}, {2, 1, 1, 2}, {1, 2}, 5}},
          {{1, 3, 1, 1}, {4, 3, 3, 3}, {{1, 1}, one}},
          {{1, 64, 3, 3}, {70, 64, 3, 3}, {{1, 1}, one}},
          {{2, 8, 13, 10}, {16, 8, 3, 3}, {{2, 2}, one}},
          {{2, 8, 14, 7}, {32, 8, 1, 1}, {{2, 3}}},
          {{1, 4, 3, 5}, {16, 4, 2, 2}, {{7, 2}, {0, 0, 3, 1}}},
          {{1, 8, 13, 13}, {16, 4, 3, 4}, {{3, 2}, {3, 1, 2, 3}, {2, 3}, 2}},
          {{1, 40, 5, 4}, {48, 40, 3, 3}, {{1, 1}, one}},
          {{5, 8, 17, 19}, {8, 8, 1, 1}}};
}
/// With nothing to sum over, or no result at all.
inline std::vector<ConvCase> empty_conv_cases() {
  return {{{0, 3, 5, 5}, {4, 3, 3, 3}},
          {{2, 0, 5, 5}, {4, 0, 3, 3}},
          {{2, 3, 5, 5}, {0, 3, 3, 3}},
          {{0, 4, 5, 5}, {4, 1, 3, 3}, {{1, 1}, {}, {1, 1}, 4}},
          {{1, 3, 0, 2}, {4, 3, 1, 1}, {{1, 1}, Padding2d::same(1)}}};
}

/// Calls f(dtype, case, x channels-last or not).
template <class F>
void for_each_conv(const std::vector<ConvCase>& cases, F&& f) {
  for (const DType type : floating)
    for (const ConvCase& k : cases)
      for (const bool last : {false, true}) {
        if (last && !device::has_channels_last(k.x)) continue;
        CAPTURE(name_of(type));
        CAPTURE(k.x.str());
        CAPTURE(k.w.str());
        CAPTURE(k.p.stride[0]);
        CAPTURE(last);
        f(type, k, last);
      }
}

}  // namespace engine::test

using test::ConvCase;

// The random generator: known answers, distributions, independence of its streams.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "engine/tensor/philox.h"

using namespace engine;

namespace {

using Words = std::array<std::uint32_t, 4>;

RandomKey test_key(std::uint64_t seed = 4) { return {seed, RandomStream::test}; }

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
};
Moments moments(const std::vector<double>& v) {
  const auto n = static_cast<double>(v.size());
  Moments m;
  for (double x : v) m.mean += x / n;
  double third = 0, fourth = 0;
  for (double x : v) {
    const double d = x - m.mean;
    m.variance += d * d / n;
    third += d * d * d / n;
    fourth += d * d * d * d / n;
  }
  m.skewness = third / std::pow(m.variance, 1.5);
  m.kurtosis = fourth / (m.variance * m.variance);
  return m;
}

}  // namespace

TEST_CASE("Philox4x32-10 gives Random123's known answers, at compile time too") {
  static_assert(philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8});
  constexpr std::uint32_t ones = 0xFFFFFFFF;
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8});
  CHECK(philox4x32({ones, ones, ones, ones}, {ones, ones}) == Words{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD});
  CHECK(philox4x32({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}) ==
        Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1});
}

TEST_CASE("The words of a key are part of the reproducibility contract") {
  // From a separate implementation in whole numbers of any size.
  CHECK(philox_block(RandomKey(42, RandomStream::init), 0) == Words{0x7DC0FA50, 0x8D495228, 0xEE32AE9A, 0xAB766068});
  RandomKey key(42, RandomStream::shuffle);
  key.substream = 9;
  key.epoch = 3;
  key.sample = 4;
  key.step = 5;
  CHECK(philox_block(key, (std::uint64_t{1} << 32) + 7) == Words{0xB16DF90F, 0xB1EDE65E, 0xA7BDC652, 0x887EBCA7});
  const std::array streams{RandomStream::init,    RandomStream::shuffle,   RandomStream::augment, RandomStream::dropout,
                           RandomStream::sampler, RandomStream::bootstrap, RandomStream::synth,   RandomStream::split};
  for (std::size_t i = 0; i < streams.size(); ++i) CHECK(static_cast<std::size_t>(streams[i]) == i + 1);
}

TEST_CASE("Random reads the blocks of its key in order") {
  const RandomKey key = test_key();
  Random random(key);
  for (std::uint64_t i = 0; i < 4 * 25; ++i) CHECK(random.bits() == philox_block(key, i / 4)[i % 4]);
}

TEST_CASE("Any part of a key changes the whole sequence") {
  const RandomKey base = test_key();
  std::vector<RandomKey> keys(9, base);
  keys[1].seed += 1;
  keys[2].seed += std::uint64_t{1} << 32;
  keys[3].stream = static_cast<std::uint32_t>(RandomStream::dropout);
  keys[4].substream = 0x811C9DC5;  // a hash, as the header asks for
  keys[5].epoch = 1;
  keys[6].sample = 1;
  keys[7].step = 1;
  keys[8].epoch = 0xFFFFFFFF;
  constexpr int n = 20000;
  std::set<std::uint32_t> firsts;
  std::vector<std::vector<double>> sequences;
  for (const RandomKey& key : keys) {
    Random random(key);
    firsts.insert(Random(key).bits());
    auto& sequence = sequences.emplace_back();
    for (int i = 0; i < n; ++i) sequence.push_back(random.uniform() - 0.5);
  }
  CHECK(firsts.size() == keys.size());
  const double five_sigma = 5.0 / std::sqrt(double{n});
  for (std::size_t a = 0; a < sequences.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      double correlation = 0.0;
      for (std::size_t i = 0; i < n; ++i) correlation += sequences[a][i] * sequences[b][i] * 12.0 / n;
      INFO("seed " << base.seed << ", keys " << a << " and " << b << ", correlation " << correlation);
      CHECK(std::abs(correlation) < five_sigma);
    }
}

TEST_CASE("Uniform numbers lie in [0, 1), with 24 bits, flat") {
  CHECK(uniform_from_bits(0) == 0.0f);
  CHECK(uniform_from_bits(0xFFFFFFFF) == 1.0f - 0x1p-24f);
  CHECK(uniform_from_bits(0x80000000) == 0.5f);
  const RandomKey key = test_key();
  Random random(key);
  constexpr int n = 200000, bins = 64;
  std::vector<double> values;
  std::array<int, bins> histogram{};
  for (int i = 0; i < n; ++i) {
    const float u = random.uniform();
    REQUIRE(u >= 0.0f);
    REQUIRE(u < 1.0f);
    values.push_back(u);
    ++histogram[static_cast<std::size_t>(u * bins)];
  }
  double chi_squared = 0.0;
  for (int count : histogram) chi_squared += std::pow(count - double{n} / bins, 2) / (double{n} / bins);
  const Moments m = moments(values);
  INFO("seed " << key.seed << ", chi^2 " << chi_squared << ", mean " << m.mean << ", variance " << m.variance);
  CHECK(chi_squared < 63 + 5 * std::sqrt(2.0 * 63));
  CHECK(std::abs(m.mean - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(m.variance - 1.0 / 12) < 5 * std::sqrt(1.0 / 180 / n));
  for (int i = 0; i < 1000; ++i) {
    const float u = random.uniform(-3.0f, -1.0f);
    CHECK(u >= -3.0f);
    CHECK(u < -1.0f);
  }
}

TEST_CASE("Normal numbers have the moments and the tails of the normal distribution") {
  const RandomKey key = test_key(5);
  Random random(key);
  constexpr int n = 200000;
  std::vector<double> values;
  int beyond_one = 0, beyond_three = 0;
  for (int i = 0; i < n; ++i) {
    values.push_back(random.normal());
    beyond_one += std::abs(values.back()) > 1.0;
    beyond_three += std::abs(values.back()) > 3.0;
  }
  const Moments m = moments(values);
  INFO("seed " << key.seed << ", mean " << m.mean << ", variance " << m.variance << ", skewness " << m.skewness
               << ", kurtosis " << m.kurtosis << ", beyond 1: " << beyond_one << ", beyond 3: " << beyond_three);
  CHECK(std::abs(m.mean) < 5 * std::sqrt(1.0 / n));
  CHECK(std::abs(m.variance - 1.0) < 5 * std::sqrt(2.0 / n));
  CHECK(std::abs(m.skewness) < 5 * std::sqrt(6.0 / n));
  CHECK(std::abs(m.kurtosis - 3.0) < 5 * std::sqrt(24.0 / n));
  for (const auto& [count, probability] :
       {std::pair{beyond_one, std::erfc(1 / std::sqrt(2.0))}, std::pair{beyond_three, std::erfc(3 / std::sqrt(2.0))}})
    CHECK(std::abs(count - n * probability) < 5 * std::sqrt(n * probability * (1 - probability)));
}

TEST_CASE("Whole numbers below n and coin flips come with their probabilities") {
  const RandomKey key = test_key(6);
  Random random(key);
  constexpr int n = 70000;
  std::array<int, 7> count{};
  int heads = 0;
  for (int i = 0; i < n; ++i) {
    const std::uint32_t k = random.below(7);
    REQUIRE(k < 7);
    ++count[k];
    heads += random.bernoulli(0.3f);
  }
  INFO("seed " << key.seed);
  for (int c : count) CHECK(std::abs(c - n / 7.0) < 5 * std::sqrt(n * (1.0 / 7) * (6.0 / 7)));
  CHECK(std::abs(heads - 0.3 * n) < 5 * std::sqrt(n * 0.3 * 0.7));
  CHECK(random.below(1) == 0);
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(random.bernoulli(0.0f));
    CHECK(random.bernoulli(1.0f));
  }
}

// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter-based
// generator. A number is a pure function of (seed, stream, epoch, sample, step, index), so every device,
// thread count and resumed run sees the same bits.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace engine {

/// Streams keep independent uses of one seed apart. Values are part of the reproducibility contract: append only.
enum class RandomStream : std::uint32_t {
  init = 1,
  shuffle = 2,
  augment = 3,
  dropout = 4,
  sampler = 5,
  bootstrap = 6,
  synth = 7,
  split = 8,
  test = 100,
};

/// Names one random sequence. `stream` is a RandomStream, optionally refined by `substream` (a layer, a parameter): a
/// hash, because it is added to the seed, so that small counters would meet those of the next seed.
struct RandomKey {
  std::uint64_t seed = 42;
  std::uint32_t stream = 0;
  std::uint32_t substream = 0;
  std::uint32_t epoch = 0;
  std::uint32_t sample = 0;
  std::uint32_t step = 0;

  RandomKey() = default;
  RandomKey(std::uint64_t seed_, RandomStream stream_) : seed(seed_), stream(static_cast<std::uint32_t>(stream_)) {}
};

/// One Philox block: 4 x 32 random bits for a 128-bit counter and a 64-bit key.
constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// Uniform in [0, 1) with 24 random bits: exact in fp32, so every device agrees to the bit.
constexpr float uniform_from_bits(std::uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

/// Folds the parts of a key that do not fit the counter into the 64-bit Philox key (splitmix64 finaliser).
constexpr std::array<std::uint32_t, 2> philox_key(const RandomKey& k) {
  std::uint64_t z = k.seed;
  for (std::uint64_t part : {std::uint64_t{k.stream} << 32 | k.substream, std::uint64_t{k.epoch}}) {
    z += 0x9E3779B97F4A7C15u + part;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
  }
  return {static_cast<std::uint32_t>(z), static_cast<std::uint32_t>(z >> 32)};
}

/// The four words of block `block` of a key's sequence: word w of element i is bits(key, i / 4)[i % 4].
constexpr std::array<std::uint32_t, 4> philox_block(const RandomKey& k, std::uint64_t block) {
  return philox4x32({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), k.sample, k.step},
                    philox_key(k));
}

/// A sequential reader of one key's sequence, for host code that draws a few numbers.
class Random {
 public:
  explicit Random(const RandomKey& key) : key_(key) {}

  std::uint32_t bits() {
    if (position_ % 4 == 0) words_ = philox_block(key_, position_ / 4);
    return words_[position_++ % 4];
  }
  /// Uniform in [0, 1).
  float uniform() { return uniform_from_bits(bits()); }
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  /// Uniform integer in [0, n), unbiased enough for n << 2^32 (bias below n / 2^32). Requires n > 0.
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>((std::uint64_t{bits()} * n) >> 32); }
  /// Standard normal by Box-Muller, in double.
  double normal() {
    const double u1 = (static_cast<double>(bits()) + 1.0) * 0x1p-32;
    const double u2 = static_cast<double>(bits()) * 0x1p-32;
    return std::sqrt(-2.0 * std::log(u1)) * std::cos(2.0 * std::numbers::pi * u2);
  }
  bool bernoulli(float p) { return uniform() < p; }

 private:
  RandomKey key_;
  std::uint64_t position_ = 0;
  std::array<std::uint32_t, 4> words_{};
};

}  // namespace engine

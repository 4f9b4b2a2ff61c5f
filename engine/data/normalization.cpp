#include "engine/data/normalization.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "engine/tensor/error.h"

namespace engine {
namespace {

struct Sums {
  double sum[3] = {}, squares[3] = {};
};

}  // namespace

Normalization compute_normalization(const Dataset& data, const TransformPlan& plan, int threads, std::size_t limit) {
  TransformPlan bare = plan;
  bare.pad = 0;
  bare.mean.clear(), bare.deviation.clear();
  const std::size_t n = std::min(data.size(), limit);
  if (n == 0) throw DataError("{}: no pictures to take statistics of", data.name());
  const auto channels = static_cast<std::size_t>(bare.channels);
  const std::size_t plane = bare.output_size() / channels;
  std::vector<Sums> sums(n);
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    std::vector<float> pixels(bare.output_size());
    try {
      for (std::size_t i = next++; i < n; i = next++) {
        transform(data.load(i * data.size() / n, bare.short_side_hint()), bare, nullptr, pixels);
        for (std::size_t c = 0; c < channels; ++c)
          for (std::size_t k = 0; k < plane; ++k) {
            const double v = pixels[c * plane + k];
            sums[i].sum[c] += v;
            sums[i].squares[c] += v * v;
          }
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = n;
    }
  };
  std::vector<std::thread> pool;
  for (int t = 1; t < threads; ++t) pool.emplace_back(work);
  work();
  for (std::thread& t : pool) t.join();
  if (failure) std::rethrow_exception(failure);

  Normalization result;
  const double count = static_cast<double>(n) * static_cast<double>(plane);
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    for (const Sums& s : sums) sum += s.sum[c], squares += s.squares[c];
    // Values lie in [0, 1] and sums are in double: the difference of squares is safe here.
    const double mean = sum / count, variance = std::max(0.0, squares / count - mean * mean);
    result.mean.push_back(static_cast<float>(mean));
    result.deviation.push_back(variance > 1e-12 ? static_cast<float>(std::sqrt(variance)) : 1.0f);
  }
  return result;
}

}  // namespace engine

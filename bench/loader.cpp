#include "bench/loader.h"

#include <algorithm>
#include <chrono>

#include "bench/step.h"
#include "engine/tensor/error.h"

namespace engine::bench {

LoaderResult bench_loader(const Dataset& data, const TransformPlan& plan, const LoaderOptions& options, int epochs) {
  if (epochs < 1) throw UsageError("bench loader: needs at least one epoch");
  Loader loader(data, plan, options);
  LoaderResult r;
  Batch batch;
  for (int epoch = 0; epoch <= epochs; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    std::size_t images = 0;
    loader.start_epoch(static_cast<std::uint32_t>(epoch));
    while (loader.next(batch)) images += batch.size();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    r.images = images;
    if (epoch > 0) r.images_per_second.push_back(static_cast<double>(images) / spent.count());
  }
  std::vector<double> sorted = r.images_per_second;
  std::sort(sorted.begin(), sorted.end());
  r.median = sorted[sorted.size() / 2];
  r.bad_images = loader.bad_images().size();
  r.peak_bytes = peak_resident_bytes();
  return r;
}

}  // namespace engine::bench

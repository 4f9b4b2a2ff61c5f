// The loader's speed: pictures a second, decoded, transformed and batched, without a network behind it.
#pragma once

#include <string>
#include <vector>

#include "engine/data/loader.h"

namespace engine::bench {

struct LoaderResult {
  std::vector<double> images_per_second;  ///< one figure an epoch
  double median = 0;
  std::size_t images = 0;       ///< of one epoch
  std::size_t bad_images = 0;   ///< left out in the last epoch
  std::size_t peak_bytes = 0;   ///< of the process
};

/// Runs `epochs` epochs after one that warms up the file cache. Throws what the loader throws.
LoaderResult bench_loader(const Dataset& data, const TransformPlan& plan, const LoaderOptions& options, int epochs);

}  // namespace engine::bench

// A whole training step, timed: forward, cross-entropy, backward, SGD with momentum, on random data.
#pragma once

#include <string>
#include <vector>

#include "bench/profiler.h"
#include "engine/tensor/tensor.h"

namespace engine::bench {

struct StepOptions {
  std::string model = "resnet50";
  std::int64_t classes = 1000;
  std::int64_t batch = 8;
  std::int64_t channels = 3, height = 224, width = 224;
  int steps = 10;
  int warmup = 2;
  bool recompute = false;
  bool away_from_corner = false;  ///< start there (away_from_corner.h): steps that two devices shall agree on
  bool record = true;  ///< run the step as a recording where the device can
  Device device = Device::cpu;
  std::uint64_t seed = 42;
  DType precision = DType::f32;  ///< of activations
};

struct StepResult {
  std::vector<double> seconds;        ///< of each timed step
  double median_seconds = 0;
  double images_per_second = 0;       ///< of the median step
  std::size_t peak_tensor_bytes = 0;  ///< most bytes of tensors alive at once
  std::size_t peak_bytes = 0;         ///< peak resident memory of the process (VmHWM)
  double gflops = 0;                  ///< 3 x 2 x MACs of the forward pass over the median time
  double last_loss = 0;
  std::vector<OpTime> ops;            ///< of one further step, each operation waited for
};

StepResult bench_step(const StepOptions& options);

/// Peak resident memory of the process so far (VmHWM).
std::size_t peak_resident_bytes();

}  // namespace engine::bench

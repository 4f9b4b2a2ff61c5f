// Where a run stands: the part of a checkpoint that is not tensors. Nothing in it depends on the clock, so that the
// checkpoints of two equal runs are equal byte for byte.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>

#include "engine/train/loss_scale.h"

namespace engine {

struct RunState {
  std::int64_t epoch = 0;  ///< whole epochs behind us, evaluation included
  std::int64_t batch = 0;  ///< batches of the present epoch behind us
  std::int64_t step = 0;   ///< optimiser steps in all
  // Sums over the present epoch.
  double loss_sum = 0.0;
  std::int64_t images = 0, correct = 0, bad_images = 0;
  // Best value so far of the metric that chooses best.safetensors.
  bool has_best = false;
  double best = 0.0;
  std::int64_t best_epoch = 0;  ///< counted from 1
  // Early stopping, which may watch another metric.
  bool has_watched = false;
  double watched = 0.0;
  std::int64_t epochs_without_progress = 0;
  bool stopped_early = false;
  LossScale loss_scale;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunState, epoch, batch, step, loss_sum, images, correct, bad_images, has_best, best,
                                   best_epoch, has_watched, watched, epochs_without_progress, stopped_early, loss_scale)

}  // namespace engine

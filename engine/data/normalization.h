// Mean and deviation of a training split, per channel.
#pragma once

#include "engine/data/dataset.h"
#include "engine/data/transforms.h"

namespace engine {

struct Normalization {
  std::vector<float> mean, deviation;
};

/// Over all pixels of the deterministic part of `plan` without padding and normalisation, on the scale [0, 1]; of at most
/// `limit` pictures, spread evenly. Sums are in double and in the order of the pictures: the number of threads does not
/// matter. A channel without any variation gets a deviation of 1.
Normalization compute_normalization(const Dataset& data, const TransformPlan& plan, int threads,
                                    std::size_t limit = 10000);

/// What ImageNet models expect of RGB pictures.
inline const Normalization imagenet_normalization{{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};

}  // namespace engine

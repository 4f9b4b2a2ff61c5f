// From the bytes of decoded pictures to the numbers a network sees: resize, crop, flips, rotation, colour, normalisation.
#pragma once

#include "kernels/cuda/layout.h"
#include "kernels/pictures.h"

namespace engine::ENGINE_CUDA_NS {

/// Backend::transform_pictures. Two launches: along rows, and along columns with flips and normalisation; two more
/// where a picture is turned or its colours change. Throws UsageError where `packed` is too short for the pictures.
Tensor transform_pictures(Context& c, const Tensor& packed, const PictureBatch& batch);

}  // namespace engine::ENGINE_CUDA_NS

// Finds where a NaN or infinity was born: the step that showed one runs again while every operation is checked.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/nn/module.h"

namespace engine {

/// Runs `step` (of the same batch) again and throws NumericError with the operation, the layer
/// and the number of the step; before that it looks at the images and the weights themselves. Throws NumericError too
/// when nothing shows the second time.
[[noreturn]] void explain_nonfinite(nn::Module& model, const Tensor& images, std::int64_t step_number,
                                    const std::function<void()>& step);

}  // namespace engine

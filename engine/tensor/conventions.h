// The numeric conventions every backend follows, in one place. They are PyTorch's where the field has settled.
//
// Batch norm    y = (x - mean) / sqrt(var + eps) * weight + bias, eps inside the root. `momentum` is the weight of
//               the NEW batch: running = (1 - momentum) * running + momentum * batch. Normalisation uses the biased
//               variance, the running variance takes the unbiased one (n / (n - 1)).
// Convolution   cross-correlation; weights OIHW with I = channels per group; padding explicit per side; output
//               extent = floor((in + pads - dilation * (k - 1) - 1) / stride) + 1.
// Max pool      padding counts as -inf; of equal values the first in row-major order wins; NaN wins over numbers.
// Average pool  count_include_pad: the divisor counts padding, but never what ceil_mode adds beyond it. ceil_mode
//               drops a last window that would start beyond input + leading padding.
// ReLU          NaN stays NaN; the gradient at 0 is 0.
// Reductions    accumulate in f32 or better; variances by Welford or two passes, never E[x^2] - mean^2.
// Vectors       of a decomposition: the first component of at least leading_component times the largest magnitude is
//               positive. Symmetric matrices have vectors with two largest components, and rounding would choose.
// Gradients     every backward op ASSIGNS its results; only accumulate() adds.
// Random bits   Philox keyed by (seed, stream, epoch, sample, step), see philox.h.
#pragma once

namespace engine::conventions {

inline constexpr double batch_norm_momentum = 0.1;
inline constexpr double batch_norm_eps = 1e-5;
inline constexpr double layer_norm_eps = 1e-5;
/// Targets with this value are missing in BCE; the default ignore index of cross-entropy.
inline constexpr double missing_label = -1.0;
inline constexpr long ignore_index = -100;
inline constexpr double leading_component = 0.7;

}  // namespace engine::conventions

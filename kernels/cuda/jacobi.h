// What comes before and after the rotations of Jacobi's methods. Vectors are rows here: f32, plain.
#pragma once

#include <string_view>

#include "kernels/cuda/layout.h"

namespace engine::ENGINE_CUDA_NS {

/// A sweep turns every pair once; a handful is enough, as the last ones converge quadratically.
constexpr int most_sweeps = 40;

enum class Part { all, lower_triangle };
/// A power of two that brings the largest magnitude of this part of a, f32 [m,n] and not empty, to [1/2, 1); 1 for
/// zeros. Waits. Throws NumericError where there is NaN or infinity.
float scale_of(Context& c, std::string_view op, const Tensor& a, Part part);

/// Nobody has raised it; lower_flag before each sweep, raised() waits.
Tensor make_flag(Context& c);
void lower_flag(Context& c, const Tensor& flag);
bool raised(Context& c, const Tensor& flag);

/// The nearest orthogonal matrix to one that is nearly so (one step of Newton and Schulz): undoes what thousands of
/// rotations have rounded away.
Tensor nearest_orthogonal(Context& c, const Tensor& rows);

/// places[i] (i32) is the place of values[i], i < n, in descending order; sorted[place] = factor * values[i].
void sort_descending(Context& c, const Tensor& values, std::int64_t n, float factor, const Tensor& places,
                     const Tensor& sorted);

/// Rows i < n go to row places[i] with the sign of conventions.h ("Vectors"): `leading` decides it, `following` (or an
/// undefined tensor) goes along. Rows of a result are as long as it is wide.
struct TurnedRows {
  Tensor from, to;
};
void turn_rows(Context& c, std::int64_t n, const Tensor& places, const TurnedRows& leading,
               const TurnedRows& following);

}  // namespace engine::ENGINE_CUDA_NS

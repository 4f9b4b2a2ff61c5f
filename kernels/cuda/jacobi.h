// What comes before and after the rotations of Jacobi's methods, and before and after what cuSOLVER does. Vectors are
// rows here: f32, plain.
#pragma once

#include <string_view>

#include "kernels/cuda/layout.h"
#include "kernels/types.h"

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

/// The results of ops.def from vectors that are rows, in any order and of any sign: in descending order of the values,
/// which `factor` multiplies, with the signs of conventions.h ("Vectors"). eigh: the first n values, and the beginnings
/// of the first n rows. svd: left [k,m] and right [k,n] belong to values [k].
EighResult eigh_result(Context& c, std::int64_t n, const Tensor& values, float factor, const Tensor& vectors);
SvdResult svd_result(Context& c, const Tensor& values, float factor, const Tensor& left, const Tensor& right);

}  // namespace engine::ENGINE_CUDA_NS

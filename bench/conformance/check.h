// Runs configs against the double-precision reference backend, which must be registered.
#pragma once

#include <string>
#include <vector>

#include "bench/conformance/outcome.h"

namespace engine::conformance {

/// What checks came to. Reports add up.
struct Report {
  int comparisons = 0;
  double worst = 0;                   ///< largest error as a share of the bound; more than 1 is a failure
  std::string worst_at;               ///< where it was met
  std::vector<std::string> failures;  ///< each with config, tensor, error, bound and seed

  bool ok() const { return failures.empty() && comparisons > 0; }
  void add(const Report& other);
  /// Notes one comparison; `what` is only written down when it is the worst or fails.
  void note(double ratio, const std::string& what);
};

struct CheckOptions {
  DType dtype = DType::f32;
  std::uint64_t seed = 42;
  bool all_layouts = true;  ///< else plain layout only
  std::function<Tensor(const Tensor&)> carry = carried;
};

/// Values, gradients for a random cotangent and written inputs agree with the reference within tolerance(); other
/// inputs stay as they are; two calls give the same bits; all of it for each layout of the backend.
Report check(const Config& config, Backend& backend, const CheckOptions& options);

/// Gradients that `backend` (a reference backend) computes in double against central differences of the registered
/// reference, in sampled coordinates.
Report check_gradient(const Config& config, Backend& backend, std::uint64_t seed);
/// Whether it has anything to check: a differentiable function, smooth inputs, few enough for two forward passes a
/// coordinate.
bool has_gradient_check(const Config& config);

/// All small configs of a case.
Report check(const Case& c, Backend& backend, const CheckOptions& options);

}  // namespace engine::conformance

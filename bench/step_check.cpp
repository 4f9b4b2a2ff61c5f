#include "bench/step_check.h"

#include <algorithm>
#include <cmath>

#include "bench/training.h"

namespace engine::bench {
namespace {

std::vector<double> losses(const StepOptions& options) {
  Training training(options);
  std::vector<double> all;
  for (int i = 0; i < options.steps; ++i) all.push_back(training.step());
  return all;
}

}  // namespace

StepCheck check_steps(StepOptions options, Device oracle) {
  const std::vector<double> found = losses(options);
  options.record = false;
  const std::vector<double> again = losses(options);
  options.device = oracle;
  const std::vector<double> truth = losses(options);
  StepCheck r;
  r.steps = options.steps;
  r.same_bits = found == again;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double off = std::fabs(found[i] - truth[i]) / std::fabs(truth[i]);
    if (!(off <= r.worst)) r.worst = off;  // NaN counts, and stays
    if (std::isnan(r.worst)) break;
  }
  return r;
}

}  // namespace engine::bench

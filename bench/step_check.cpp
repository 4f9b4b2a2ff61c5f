#include "bench/step_check.h"

#include <algorithm>
#include <cmath>

#include "bench/training.h"

namespace engine::bench {
namespace {

struct Trained {
  std::vector<double> losses;
  std::vector<std::vector<double>> before, after;  // weights, by parameter
};

Trained train(const StepOptions& options) {
  Training training(options);
  Trained t;
  t.before = training.weights();
  for (int i = 0; i < options.steps; ++i) t.losses.push_back(training.step());
  t.after = training.weights();
  return t;
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares);
}

}  // namespace

StepCheck check_steps(StepOptions options, Device oracle) {
  StepCheck r;
  r.steps = options.steps;
  r.precision = options.precision;
  options.away_from_corner = true;
  const Trained found = train(options);
  options.record = false;
  const Trained again = train(options);
  r.same_bits = found.losses == again.losses && found.after == again.after;
  options.device = oracle;
  options.precision = DType::f32;
  const Trained truth = train(options);
  for (std::size_t i = 0; i < truth.losses.size(); ++i) {
    // Later ones may be near zero.
    const double size = std::max(std::fabs(truth.losses[0]), std::fabs(truth.losses[i]));
    const double off = std::fabs(found.losses[i] - truth.losses[i]) / size;
    if (!(off <= r.loss)) r.loss = off;  // NaN counts, and stays
    if (std::isnan(r.loss)) break;
  }
  double all_moved = 0;
  for (std::size_t i = 0; i < truth.after.size(); ++i)
    all_moved = std::hypot(all_moved, distance(truth.before[i], truth.after[i]));
  for (std::size_t i = 0; i < truth.after.size(); ++i) {
    const double moved = distance(truth.before[i], truth.after[i]);
    const double off = distance(found.after[i], truth.after[i]) / moved;
    if (moved < 1e-3 * all_moved && !std::isnan(off)) continue;  // of what hardly moves, roundings are a large part
    if (!(off <= r.weights)) r.weights = off;
    if (std::isnan(r.weights)) break;
  }
  return r;
}

}  // namespace engine::bench

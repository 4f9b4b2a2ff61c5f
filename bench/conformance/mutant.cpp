#include "bench/conformance/mutant.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "bench/conformance/tolerance.h"

namespace engine::conformance {
namespace {

// `values` with the fault in them; the same where there is nothing to falsify.
std::vector<double> damaged(std::vector<double> values, DType dtype, Fault fault) {
  if (values.empty()) return values;
  double& middle = values[values.size() / 2];
  double largest = 0;
  for (const double v : values)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  switch (fault) {
    case Fault::scaled:
      for (double& v : values) v *= is_floating(dtype) ? 1.001 : 1.0;
      break;
    case Fault::nan:
      if (is_floating(dtype)) middle = std::numeric_limits<double>::quiet_NaN();
      break;
    case Fault::unsteady:
      if (is_floating(dtype)) middle *= 1.0 + 4.0 * unit_roundoff(dtype);
      break;
    default:
      if (!is_floating(dtype) || !std::isfinite(middle))
        middle = middle == 0.0 ? 1.0 : 0.0;
      else
        middle += 1e-3 * (largest > 0.0 ? largest : 1.0);
  }
  return values;
}

bool same_numbers(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

}  // namespace

void Mutant::before(const OpCall& call) {
  states_.clear();
  if (!concerns(call)) return;
  for (const Tensor& t : call.arguments)
    states_.push_back({mutation_.fault == Fault::dropped ? own().clone(t) : Tensor(), t.storage()->version});
}

void Mutant::after(const OpCall& call) {
  if (!concerns(call)) return;
  std::vector<std::size_t> written, others;  // positions of arguments
  for (std::size_t i = 0; i < call.arguments.size(); ++i)
    (call.arguments[i].storage()->version != states_[i].version ? written : others).push_back(i);

  const std::size_t k = mutation_.place;
  const auto there = [&](std::size_t places) {
    places_ = std::max(places_, places);
    return k < places;
  };
  switch (mutation_.fault) {
    case Fault::unwritten: {
      if (!there(call.results.size())) return;
      Tensor& result = *call.results[k];
      result = Tensor(result.shape(), result.dtype(), device());
      ++falsified_;
      return;
    }
    case Fault::dropped:
      if (!there(written.size())) return;
      own().copy_(call.arguments[written[k]], states_[written[k]].contents);
      ++falsified_;
      return;
    case Fault::unannounced:
      if (!there(written.size())) return;
      call.arguments[written[k]].storage()->version = states_[written[k]].version;
      ++falsified_;
      return;
    case Fault::meddling: {
      if (!there(others.size())) return;
      const Tensor& t = call.arguments[others[k]];
      damage(t);
      t.storage()->version = states_[others[k]].version;
      return;
    }
    default: {
      std::vector<Tensor> all;
      for (const Tensor* t : call.results) all.push_back(*t);
      for (const std::size_t i : written) all.push_back(call.arguments[i]);
      if (there(all.size())) damage(all[k]);
      if (k == everywhere)
        for (const Tensor& t : all) damage(t);
    }
  }
}

void Mutant::damage(const Tensor& t) {
  // By the Thue-Morse sequence, which no number of calls a run falls in step with.
  if (mutation_.fault == Fault::unsteady && std::popcount(calls_++) % 2 == 0) return;
  const std::vector<double> values = to_vector<double>(t), wrong = damaged(values, t.dtype(), mutation_.fault);
  own().copy_(t, from_vector(wrong, t.shape(), t.device(), t.dtype()));
  if (!same_numbers(to_vector<double>(t), values)) ++falsified_;
}

}  // namespace engine::conformance

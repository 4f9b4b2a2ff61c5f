#include "bench/conformance/check.h"

#include <algorithm>
#include <limits>

#include "bench/conformance/compare.h"

namespace engine::conformance {
namespace {

// Where a comparison happens, for messages.
struct Place {
  const Config& config;
  Backend& backend;
  const CheckOptions& options;
  Arrangement arrangement;

  std::string str(const std::string& what) const {
    return fmt::format("{} ({}, {}, {}, seed {}): {}", config.name, engine::name_of(backend.device()),
                       engine::name_of(options.dtype), name_of(arrangement), options.seed, what);
  }
};

void compare_entry(const Entry& found, const Entry& truth, const Place& at, Report& report) {
  // What is f64 in the truth has the type under test here, unless a cast asked for f64.
  const bool cast = at.config.direct && found.dtype == truth.dtype;
  const DType tested = truth.channel ? parameter_dtype(at.options.dtype) : at.options.dtype;
  const DType expected = truth.dtype == DType::f64 && !cast ? tested : truth.dtype;
  if (found.shape != truth.shape || found.dtype != expected)
    return report.note(infinity,
                       at.str(fmt::format("{} is {}{}, expected {}{}", found.what, engine::name_of(found.dtype),
                                          found.shape.str(), engine::name_of(expected), truth.shape.str())));
  if (!is_floating(found.dtype))
    return report.note(found.values == truth.values ? 0.0 : infinity, at.str(found.what + " differs"));
  const DType precision = expected == DType::f64 ? expected : at.options.dtype;
  const Tolerance allowed = tolerance(precision, at.config.reduction);
  const double scale = std::max(at.config.terms, smallest_normal(precision));
  const Deviation d = deviation(found.values, truth.values, scale, allowed);
  report.note(d.ratio, at.str(fmt::format("{} is off by rel_l2 {:.3g} (bound {:.3g}), element {:.3g} (bound {:.3g})",
                                          found.what, d.rel_l2, allowed.rel_l2, d.element, allowed.element)));
}

void compare(const Outcome& found, const Outcome& truth, const Place& at, Report& report) {
  for (const std::string& rule : found.broken_rules) report.note(infinity, at.str(rule));
  for (std::size_t i = 0; i < truth.entries.size(); ++i) compare_entry(found.entries[i], truth.entries[i], at, report);
}

void compare_bits(const Outcome& first, const Outcome& second, const Place& at, Report& report) {
  for (std::size_t i = 0; i < first.entries.size(); ++i)
    report.note(first.entries[i].bytes == second.entries[i].bytes ? 0.0 : infinity,
                at.str(first.entries[i].what + " has other bits in a second run"));
}

const Entry& find(const Outcome& outcome, const std::string& what) {
  for (const Entry& e : outcome.entries)
    if (e.what == what) return e;
  throw Error("no {} in the outcome", what);
}

struct Sum {
  double sum, rounding;
};
Sum dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += a[i] * b[i];
    size += std::abs(a[i] * b[i]);
  }
  return {sum, 16.0 * unit_roundoff(DType::f64) * size};
}

// What the function returns for these inputs, in double on the reference.
std::vector<double> value(const Config& config) {
  Variables constants;
  for (const Input& x : config.inputs)
    constants.emplace_back(
        x.integer ? from_vector(std::vector<std::int64_t>(x.values.begin(), x.values.end()), x.shape, Device::reference)
                  : from_vector(x.values, x.shape, Device::reference));
  return to_vector<double>(config.function(constants).value());
}

}  // namespace

void Report::add(const Report& other) {
  comparisons += other.comparisons;
  if (!(other.worst <= worst) || worst_at.empty()) worst = other.worst, worst_at = other.worst_at;
  failures.insert(failures.end(), other.failures.begin(), other.failures.end());
}

void Report::note(double ratio, const std::string& what) {
  ++comparisons;
  if (!(ratio <= 1.0)) failures.push_back(what);
  if (!(ratio <= worst) || worst_at.empty()) worst = ratio, worst_at = what;
}

Report check(const Config& config, Backend& backend, const CheckOptions& options) {
  Report report;
  const Outcome truth = call(config, {backend_of(Device::reference), DType::f64, options.dtype, options.seed});
  const bool own_layout = options.all_layouts && has_own_layout(backend, options.dtype);
  for (const Arrangement a : arrangements) {
    if (a != Arrangement::plain && !own_layout) continue;
    const Place at{config, backend, options, a};
    const Call how{backend, options.dtype, options.dtype, options.seed, a, options.carry};
    try {
      Call again = how;
      again.audited = false;  // for its bits: the rules are those of the first
      const Outcome first = call(config, how), second = call(config, again);
      compare(first, truth, at, report);
      compare(second, truth, at, report);
      compare_bits(first, second, at, report);
    } catch (const Error& e) {
      report.note(infinity, at.str(e.what()));
    }
  }
  return report;
}

bool has_gradient_check(const Config& config) {
  std::int64_t elements = 0;
  bool differentiable = false;
  for (const Input& x : config.inputs) {
    elements += x.shape.numel();
    differentiable = differentiable || x.differentiable;
  }
  return config.function && config.smooth && differentiable && elements <= 20000;
}

Report check_gradient(const Config& config, Backend& backend, std::uint64_t seed) {
  constexpr std::uint32_t samples = 6;
  const Outcome analytic = call(config, {backend, DType::f64, DType::f64, seed});
  const auto dy = cotangent(config, find(analytic, "result").shape, seed);
  Config moved = config;
  Random random(RandomKey(seed, RandomStream::test));
  Report report;
  for (Input& input : moved.inputs) {
    if (!input.differentiable) continue;
    const std::vector<double>& gradient = find(analytic, "gradient of " + input.name).values;
    const auto steepest = std::max_element(gradient.begin(), gradient.end(),
                                           [](double a, double b) { return std::abs(a) < std::abs(b); });
    const auto n = static_cast<std::uint32_t>(gradient.size());
    for (std::uint32_t k = 0; k < std::min(n, samples); ++k) {
      const auto i = n <= samples ? k
                     : k == 0     ? static_cast<std::size_t>(steepest - gradient.begin())
                                  : random.below(n);
      const auto error = [&](double h) {
        double& x = input.values[i];
        const double middle = x;
        x = middle + h;
        const Sum above = dot(value(moved), dy);
        x = middle - h;
        const Sum below = dot(value(moved), dy);
        x = middle;
        const double found = (above.sum - below.sum) / (2.0 * h);
        const double off = std::abs(found - gradient[i]);
        return off == 0.0 ? 0.0 : off / (gradient_check * std::abs(*steepest) + above.rounding / h);
      };
      // A corner within the step (a ReLU, another maximum) goes out of sight of a smaller one; a wrong gradient stays.
      const double large = error(1e-5), ratio = large <= 1.0 ? large : error(1e-7);
      report.note(ratio,
                  fmt::format("{} (seed {}): d/d{}[{}] is {:.9g}, off by {:.3g} of what central differences allow",
                              config.name, seed, input.name, i, gradient[i], ratio));
    }
  }
  return report;
}

Report check(const Case& c, Backend& backend, const CheckOptions& options) {
  Report report;
  if (!c.takes_16_bits && size_of(options.dtype) == 2) {
    for (const Config& config : c.configs(options.seed)) {
      bool refused = false;
      try {
        call(config, {backend, options.dtype, options.dtype, options.seed});
      } catch (const UsageError&) {
        refused = true;
      }
      report.note(refused ? 0.0 : infinity, config.name + " is not refused in 16 bits");
    }
    return report;
  }
  for (const Config& config : c.configs(options.seed)) report.add(check(config, backend, options));
  return report;
}

}  // namespace engine::conformance

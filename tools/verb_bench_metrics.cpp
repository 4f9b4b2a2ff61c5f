#include "tools/verb_bench_metrics.h"

#include <fmt/core.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "bench/metrics.h"

namespace engine::tools {
namespace {

struct MetricsBenchOptions {
  Common common;
  bench::MetricsOptions metrics;
};

void print_table(const MetricsBenchOptions& o, const bench::MetricsResult& r) {
  std::cout << fmt::format(
      "{} resamples of {} scores in {} groups: median {:.4f} s of {} (fastest {:.4f}, slowest {:.4f})\n",
      o.metrics.resamples, o.metrics.scores, o.metrics.groups, r.median_seconds, r.seconds.size(),
      *std::min_element(r.seconds.begin(), r.seconds.end()), *std::max_element(r.seconds.begin(), r.seconds.end()));
  std::cout << fmt::format("AUC {:.6f}, 95% interval {:.6f} - {:.6f}\n", r.auc, r.ci95.low, r.ci95.high);
}

ExitCode run(MetricsBenchOptions& o) {
  open_device(o.common);
  o.metrics.seed = o.common.seed;
  const bench::MetricsResult r = bench::bench_metrics(o.metrics);
  if (prints_table(o.common)) print_table(o, r);
  write_json(o.common, {{"scores", o.metrics.scores},
                        {"groups", o.metrics.groups},
                        {"resamples", o.metrics.resamples},
                        {"median_seconds", r.median_seconds},
                        {"seconds", r.seconds},
                        {"auc", r.auc},
                        {"ci95", {r.ci95.low, r.ci95.high}}});
  return ExitCode::ok;
}

}  // namespace

Action set_up_bench_metrics(CLI::App& app) {
  auto o = std::make_shared<MetricsBenchOptions>();
  app.footer("Example:\n  engine_train bench metrics --scores 1000000 --groups 50000 --threads 1");
  app.add_option("--scores", o->metrics.scores, "Rows")->capture_default_str()->check(CLI::Range(1, 100000000));
  app.add_option("--groups", o->metrics.groups, "Groups the rows are in")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000000));
  app.add_option("--resamples", o->metrics.resamples, "Resamples")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000000));
  app.add_option("--repeats", o->metrics.repeats, "Timed bootstraps")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  add_device_flags(app, o->common);
  add_seed_flag(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

}  // namespace engine::tools

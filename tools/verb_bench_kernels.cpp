#include "tools/verb_bench_kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "bench/conformance/check.h"
#include "bench/device_clock.h"
#include "bench/kernels.h"
#include "engine/data/csv.h"
#include "engine/io/file.h"

namespace engine::tools {
namespace {

constexpr const char* notes = R"(
Warm: called again and again. Cold: caches overwritten before each call. The limit is the larger of operations over the
speed of a large matrix product and bytes over the speed of an addition, both measured first on this machine (of a GPU's
memory, its data sheet's); the share is that of the cold time. CUDA devices are timed by their own events, and bytes are
those that their kernels declare: a cold time that the memory cannot do is an error. Warm times of tensors that fit into
a cache may beat the memory.

Examples:
  engine_train bench kernels
  engine_train bench kernels conv --json conv.json)";

struct KernelsBenchOptions {
  Common common;
  std::string filter, csv;
  double seconds = 0.2;
};

struct Row {
  bench::KernelTime time;
  double share;  ///< of what the machine could do at best
};

void print(const Row& r) {
  const bench::KernelTime& t = r.time;
  std::cout << fmt::format("{:<22} {:<48} {:<8} {:>9.3f} {:>9.3f} {:>6.1f} {:>8.1f} {:>7.1f} {:>6.0f}\n", t.of_case, t.config,
                           t.backward ? "+backw." : "forward", t.warm_seconds * 1e3, t.cold_seconds * 1e3, t.spread * 100.0,
                           t.flops / t.warm_seconds * 1e-9, t.bytes / t.cold_seconds * 1e-9, r.share * 100.0)
            << std::flush;
}

nlohmann::json to_json(const Row& r) {
  const bench::KernelTime& t = r.time;
  return {{"case", t.of_case},          {"config", t.config},           {"backward", t.backward},
          {"warm_seconds", t.warm_seconds}, {"cold_seconds", t.cold_seconds}, {"spread", t.spread},
          {"flops", t.flops},           {"bytes", t.bytes},             {"launches", t.launches},
          {"share_of_limit", r.share}};
}

std::string to_csv(const std::vector<Row>& rows) {
  std::string text = "case,config,backward,warm_seconds,cold_seconds,spread,flops,bytes,share_of_limit\n";
  for (const Row& r : rows)
    text += fmt::format("{},{},{},{:.9g},{:.9g},{:.3g},{:.9g},{:.9g},{:.4g}\n", r.time.of_case, csv_field(r.time.config),
                        r.time.backward ? 1 : 0, r.time.warm_seconds, r.time.cold_seconds, r.time.spread, r.time.flops,
                        r.time.bytes, r.share);
  return text;
}

ExitCode run(const KernelsBenchOptions& o) {
  const Device device = open_device(o.common);
  std::vector<const conformance::Case*> chosen;
  for (const conformance::Case& c : conformance::cases())
    if (c.name.find(o.filter) != std::string::npos) chosen.push_back(&c);
  if (chosen.empty()) throw UsageError("bench kernels: no case has '{}' in its name; engine_train ops lists them", o.filter);
  const bench::MachineLimits limits = bench::measure_limits(device);
  if (prints_table(o.common)) {
    std::cout << fmt::format("device: {}\nlimits here: {:.1f} GFLOP/s (matrix product), {:.1f} GB/s ({})\n\n",
                             bench::device_words(device), limits.flops_per_second * 1e-9,
                             limits.bytes_per_second * 1e-9, limits.cache_bytes > 0 ? "data sheet" : "addition");
    std::cout << fmt::format("{:<22} {:<48} {:<8} {:>9} {:>9} {:>6} {:>8} {:>7} {:>6}\n", "case", "config", "", "warm ms",
                             "cold ms", "+-%", "GFLOP/s", "GB/s", "%limit");
  }
  std::vector<Row> rows;
  bool all_right = true;
  for (const conformance::Case* c : chosen) {
    const conformance::Report report = conformance::check(*c, backend_of(device), {DType::f32, o.common.seed, false});
    if (!report.ok()) {
      all_right = false;
      std::cerr << fmt::format("{}: wrong results, not timed: {}\n", c->name, report.failures.front());
      continue;
    }
    for (bench::KernelTime& t : bench::time_kernels(*c, device, o.common.seed, o.seconds)) {
      rows.push_back({t, bench::share_of_limit(t, limits)});
      if (prints_table(o.common)) print(rows.back());
      if (!bench::impossible(t, limits)) continue;
      all_right = false;
      std::cerr << fmt::format(
          "{} {}: {:.2f} GB in {:.3f} ms is more than the memory can do ({:.0f} GB/s): wrong bytes are declared\n",
          t.of_case, t.config, t.bytes * 1e-9, t.cold_seconds * 1e3, limits.bytes_per_second * 1e-9);
    }
  }
  if (!o.csv.empty()) atomic_write(o.csv, to_csv(rows));
  nlohmann::json list = nlohmann::json::array();
  for (const Row& r : rows) list.push_back(to_json(r));
  write_json(o.common, {{"device_words", bench::device_words(device)},
                        {"flops_per_second", limits.flops_per_second},
                        {"bytes_per_second", limits.bytes_per_second},
                        {"ok", all_right},
                        {"kernels", list}});
  return all_right ? ExitCode::ok : ExitCode::runtime;
}

}  // namespace

Action set_up_bench_kernels(CLI::App& app) {
  auto o = std::make_shared<KernelsBenchOptions>();
  app.footer(notes);
  app.add_option("FILTER", o->filter, "Only cases with this in their name");
  app.add_option("--seconds", o->seconds, "About how long each is timed, warm and cold")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 3600.0));
  app.add_option("--csv", o->csv, "Write the rows as CSV too")->type_name("FILE");
  add_device_flags(app, o->common);
  add_seed_flag(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

}  // namespace engine::tools

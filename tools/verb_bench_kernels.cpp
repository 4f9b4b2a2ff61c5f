#include "tools/verb_bench_kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "bench/conformance/check.h"
#include "bench/device_clock.h"
#include "bench/kernels.h"
#include "bench/launches.h"
#include "engine/data/csv.h"
#include "engine/io/file.h"

namespace engine::tools {
namespace {

constexpr const char* notes = R"(
Warm: called again and again. Cold: caches overwritten before each call. The limit is the larger of operations over what
the f32 units do and bytes over what the memory does; the share is that of the cold time. Both are a GPU's data sheet's,
or measured first: multiply-adds in registers, and the best of reading, writing and adding what no cache holds. In 16 bits
and with --tf32 operations are compared with a large matrix product. CUDA devices are timed by their own events, and bytes
are those that their kernels declare; on a CPU they are what must be read and written, once, and backward, whose bytes
nobody has counted, has no share.

More than 100% is an error: then what is declared is wrong, or the clock. Two things may be above it: bytes that the cache
can have held, and a library's convolution, which may know a way with fewer operations.

CUDA devices show matmul, batch_norm_train and conv2d once for each step of their ladder (docs/ladder; --kernel takes
one), and once for the library where there is one; backward follows what the device takes by itself. Each is compared
with the reference before it is timed. On cuda-emulated nothing is timed, as its times mean nothing: kernels are checked,
and then what they declare on a card of an H100's size is shown, with the least time in which that card could do it.

Examples:
  engine_train bench kernels
  engine_train bench kernels conv --json conv.json
  engine_train bench kernels matmul --device cuda-emulated --precision bf16
  engine_train bench kernels batch_norm_train --kernel batch_norm=2 --device cuda)";

struct KernelsBenchOptions {
  Common common;
  std::string filter, csv, precision = "f32";
  double seconds = 0.2;
};

struct Row {
  bench::KernelTime time;
  double share;  ///< of what the machine could do at best
};

// "2 shared tiles"; libraries and operations without a ladder have no number.
std::string words(const bench::Variant& v) { return v.step > 0 ? fmt::format("{} {}", v.step, v.name) : v.name; }

void print_head(Device device, const bench::MachineLimits& limits) {
  std::cout << fmt::format("device: {}\n", bench::device_words(device));
  if (bench::has_times(device))
    std::cout << fmt::format("limits here: {}{:.1f} GFLOP/s (matrix product), {:.1f} GB/s ({}){}\n\n{}",
                             limits.peak_flops_per_second > 0
                                 ? fmt::format("{:.1f} GFLOP/s (f32 units), ", limits.peak_flops_per_second * 1e-9)
                                 : std::string(),
                             limits.flops_per_second * 1e-9, limits.bytes_per_second * 1e-9,
                             limits.data_sheet ? "data sheet" : "measured",
                             limits.cache_bytes > 0 ? fmt::format(", {:.0f} MiB of cache", limits.cache_bytes / (1 << 20))
                                                    : std::string(),
                             fmt::format("{:<22} {:<48} {:<16} {:<8} {:>9} {:>9} {:>6} {:>8} {:>7} {:>6}\n", "case", "config",
                                         "variant", "", "warm ms", "cold ms", "+-%", "GFLOP/s", "GB/s", "%limit"));
  else
    std::cout << fmt::format("nothing is timed: what kernels declare on a card as large as an {}, and its least time for that\n\n{}",
                             bench::gpus[0].name,
                             fmt::format("{:<22} {:<48} {:<16} {:<8} {:>8} {:>9} {:>9} {:>10} {:>9}\n", "case", "config",
                                         "variant", "", "launches", "MB", "GFLOP", "FLOP/byte", "ms"));
}

void print(const Row& r, bool timed) {
  const bench::KernelTime& t = r.time;
  std::cout << fmt::format("{:<22} {:<48} {:<16} {:<8} ", t.of_case, t.config, words(t.variant),
                           t.backward ? "+backw." : "forward");
  if (timed)
    std::cout << fmt::format("{:>9.3f} {:>9.3f} {:>6.1f} {:>8.1f} {}\n", t.warm_seconds * 1e3, t.cold_seconds * 1e3,
                             t.spread * 100.0, t.flops / t.warm_seconds * 1e-9,
                             t.bytes > 0 ? fmt::format("{:>7.1f} {:>6.0f}", t.bytes / t.cold_seconds * 1e-9, r.share * 100.0)
                                         : fmt::format("{:>7} {:>6}", "-", "-"));
  else
    std::cout << fmt::format("{:>8} {:>9.2f} {:>9.3f} {:>10.1f} {:>9.3f}\n", t.launches, t.bytes * 1e-6, t.flops * 1e-9,
                             t.bytes > 0 ? t.flops / t.bytes : 0.0,
                             1e3 * std::max(t.bytes / bench::gpus[0].bytes_per_second, t.flops / bench::gpus[0].f32_flops));
  std::cout << std::flush;
}

// Null for what was not measured.
nlohmann::json measured(double value, bool timed) { return timed ? nlohmann::json(value) : nlohmann::json(nullptr); }

nlohmann::json to_json(const Row& r, bool timed) {
  const bench::KernelTime& t = r.time;
  return {{"case", t.of_case},
          {"config", t.config},
          {"variant", t.variant.name},
          {"step", t.variant.step > 0 ? nlohmann::json(t.variant.step) : nlohmann::json(nullptr)},
          {"backward", t.backward},
          {"warm_seconds", measured(t.warm_seconds, timed)},
          {"cold_seconds", measured(t.cold_seconds, timed)},
          {"spread", measured(t.spread, timed)},
          {"flops", t.flops},
          {"bytes", t.bytes},
          {"launches", t.launches},
          {"share_of_limit", measured(r.share, timed)}};
}

std::string to_csv(const std::vector<Row>& rows, bool timed) {
  std::string text =
      "case,config,step,variant,backward,warm_seconds,cold_seconds,spread,flops,bytes,launches,share_of_limit\n";
  for (const Row& r : rows) {
    const bench::KernelTime& t = r.time;
    const auto number = [&](double value) { return timed ? fmt::format("{:.9g}", value) : std::string(); };
    text += fmt::format("{},{},{},{},{},{},{},{},{:.9g},{:.9g},{},{}\n", t.of_case, csv_field(t.config),
                        t.variant.step > 0 ? fmt::to_string(t.variant.step) : "", csv_field(t.variant.name),
                        t.backward ? 1 : 0, number(t.warm_seconds), number(t.cold_seconds), number(t.spread), t.flops,
                        t.bytes, t.launches, number(r.share));
  }
  return text;
}

// Says so on standard error where the results of a variant are wrong.
bool is_right(const conformance::Case& c, const bench::Variant& variant, Device device, DType dtype,
              std::uint64_t seed) {
  const bench::Taking taking(device, bench::choice_of(c, variant));
  const conformance::Report report = conformance::check(c, backend_of(device), {dtype, seed, false});
  if (!report.ok())
    std::cerr << fmt::format("{} ({}): wrong results, not timed: {}\n", c.name, words(variant), report.failures.front());
  return report.ok();
}

ExitCode run(const KernelsBenchOptions& o) {
  const Device device = open_device(o.common);
  const DType dtype = *dtype_named(o.precision);
  if (size_of(dtype) == 2 && device == Device::cpu)
    throw UsageError("--precision: device {} computes in f32; expected f32, found {}", name_of(device), o.precision);
  std::vector<const conformance::Case*> chosen;
  for (const conformance::Case& c : conformance::cases())
    if (c.name.find(o.filter) != std::string::npos && (size_of(dtype) == 4 || c.takes_16_bits)) chosen.push_back(&c);
  if (chosen.empty())
    throw UsageError("bench kernels: no case of {} has '{}' in its name; engine_train ops lists them", o.precision,
                     o.filter);
  const bool timed = bench::has_times(device);
  const auto measure_limits = [&] {
    const bench::Taking best(device, {});  // whatever --kernel says
    bench::MachineLimits limits = bench::measure_limits(device, dtype);
    if (o.common.tf32) limits.peak_flops_per_second = 0;  // the units' that libraries then leave aside
    return limits;
  };
  bench::MachineLimits limits = timed ? measure_limits() : bench::MachineLimits{};
  if (prints_table(o.common)) print_head(device, limits);
  std::vector<Row> rows;
  bool all_right = true;
  for (const conformance::Case* c : chosen) {
    const auto variants = bench::variants_of(*c, device);
    for (std::size_t i = 0; i < variants.size(); ++i) {
      if (!is_right(*c, variants[i], device, dtype, o.common.seed)) {
        all_right = false;
        continue;
      }
      const bool backward = i + 1 == variants.size();
      for (bench::KernelTime& t :
           bench::time_kernels(*c, device, variants[i], backward, dtype, o.common.seed, o.seconds)) {
        rows.push_back({t, timed ? bench::share_of_limit(t, limits) : 0.0});
        if (prints_table(o.common)) print(rows.back(), timed);
        if (timed && !limits.data_sheet && bench::impossible(t, limits))
          limits = bench::best_of(limits, measure_limits());  // a neighbour may have left
        if (!bench::impossible(t, limits)) continue;
        all_right = false;
        std::cerr << fmt::format(
            "{} {} ({}): {:.2f} GB and {:.1f} GFLOP in {:.3f} ms are more than this device can do ({:.0f} GB/s, {:.0f} "
            "GFLOP/s): what is declared is wrong\n",
            t.of_case, t.config, words(t.variant), t.bytes * 1e-9, t.flops * 1e-9, t.cold_seconds * 1e3,
            limits.bytes_per_second * 1e-9, limits.peak_flops_per_second * 1e-9);
      }
    }
  }
  if (!o.csv.empty()) atomic_write(o.csv, to_csv(rows, timed));
  nlohmann::json list = nlohmann::json::array();
  for (const Row& r : rows) list.push_back(to_json(r, timed));
  write_json(o.common, {{"device_words", bench::device_words(device)},
                        {"precision", o.precision},
                        {"flops_per_second", measured(limits.flops_per_second, timed)},
                        {"bytes_per_second", measured(limits.bytes_per_second, timed)},
                        {"f32_peak_flops_per_second", measured(limits.peak_flops_per_second, limits.peak_flops_per_second > 0)},
                        {"cache_bytes", measured(limits.cache_bytes, limits.cache_bytes > 0)},
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
  app.add_option("--precision", o->precision, "Element type: f32; bf16 or f16 where the device has them")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16", "f16"}));
  app.add_option("--csv", o->csv, "Write the rows as CSV too")->type_name("FILE");
  add_device_flags(app, o->common);
  add_seed_flag(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

}  // namespace engine::tools

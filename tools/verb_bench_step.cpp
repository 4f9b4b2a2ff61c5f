#include "tools/verb_bench_step.h"

#include <fmt/core.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "tools/step_flags.h"

namespace engine::tools {
namespace {

struct StepBenchOptions {
  Common common;
  StepFlags flags;
  std::string cuda_graph = "on";
};

constexpr double mib = 1024.0 * 1024.0;

void print_table(const StepBenchOptions& o, const bench::StepResult& r) {
  std::cout << fmt::format(
      "{} batch {} input {}: {:.2f} images/s, median step {:.1f} ms of {} (fastest {:.1f}, slowest {:.1f})\n",
      o.flags.step.model, o.flags.step.batch, o.flags.input, r.images_per_second, r.median_seconds * 1e3, r.seconds.size(),
      *std::min_element(r.seconds.begin(), r.seconds.end()) * 1e3,
      *std::max_element(r.seconds.begin(), r.seconds.end()) * 1e3);
  std::cout << fmt::format("{:.1f} GFLOP/s, peak of tensors {:.0f} MiB, peak of the process {:.0f} MiB\n\n", r.gflops,
                           static_cast<double>(r.peak_tensor_bytes) / mib, static_cast<double>(r.peak_bytes) / mib);
  double total = 0;
  for (const bench::OpTime& op : r.ops) total += op.seconds;
  std::cout << fmt::format("{:<32} {:>6} {:>10} {:>7}\n", "operation", "calls", "ms", "share");
  for (const bench::OpTime& op : r.ops)
    std::cout << fmt::format("{:<32} {:>6} {:>10.2f} {:>6.1f}%\n", op.op, op.calls, op.seconds * 1e3,
                             100.0 * op.seconds / total);
}

nlohmann::json to_json(const StepBenchOptions& o, const bench::StepResult& r) {
  nlohmann::json ops = nlohmann::json::array();
  for (const bench::OpTime& op : r.ops) ops.push_back({{"op", op.op}, {"calls", op.calls}, {"seconds", op.seconds}});
  return {{"model", o.flags.step.model},
          {"batch", o.flags.step.batch},
          {"input", o.flags.input},
          {"precision", o.flags.precision},
          {"cuda_graph", o.cuda_graph},
          {"classes", o.flags.step.classes},
          {"images_per_second", r.images_per_second},
          {"median_seconds", r.median_seconds},
          {"seconds", r.seconds},
          {"gflops", r.gflops},
          {"peak_bytes", r.peak_bytes},
          {"peak_tensor_bytes", r.peak_tensor_bytes},
          {"last_loss", r.last_loss},
          {"ops", ops}};
}

ExitCode run(StepBenchOptions& o) {
  o.flags.step.device = open_device(o.common);
  o.flags.step.seed = o.common.seed;
  o.flags.step.record = o.cuda_graph == "on";
  const bench::StepOptions step = o.flags.options();
  if (step.device == Device::cpu && step.precision != DType::f32)
    throw UsageError("--precision: device cpu computes in f32; expected f32, found {}", o.flags.precision);
  const bench::StepResult r = bench::bench_step(step);
  if (prints_table(o.common)) print_table(o, r);
  write_json(o.common, to_json(o, r));
  return ExitCode::ok;
}

}  // namespace

Action set_up_bench_step(CLI::App& app) {
  auto o = std::make_shared<StepBenchOptions>();
  app.footer(
      "Examples:\n"
      "  engine_train bench step --model resnet50 --batch 8 --steps 10\n"
      "  engine_train bench step --model cbr_tiny --classes 5 --input 3x128x128 --threads 1 --json step.json");
  add_step_flags(app, o->flags);
  app.add_option("--steps", o->flags.step.steps, "Timed steps")->capture_default_str()->check(CLI::Range(1, 1000000));
  app.add_option("--warmup", o->flags.step.warmup, "Steps before the clock starts")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000000));
  app.add_option("--cuda-graph", o->cuda_graph, "CUDA devices: on runs a recording of the step; off, never")
      ->capture_default_str()
      ->check(CLI::IsMember({"on", "off"}));
  add_device_flags(app, o->common);
  add_seed_flag(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

}  // namespace engine::tools

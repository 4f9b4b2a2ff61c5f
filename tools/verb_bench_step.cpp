#include "tools/verb_bench_step.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "bench/step.h"
#include "tools/input_shape.h"

namespace engine::tools {
namespace {

struct StepBenchOptions {
  Common common;
  bench::StepOptions step;
  std::string input = "3x224x224", precision = "f32";
};

constexpr double mib = 1024.0 * 1024.0;

void print_table(const StepBenchOptions& o, const bench::StepResult& r) {
  std::cout << fmt::format(
      "{} batch {} input {}: {:.2f} images/s, median step {:.1f} ms of {} (fastest {:.1f}, slowest {:.1f})\n",
      o.step.model, o.step.batch, o.input, r.images_per_second, r.median_seconds * 1e3, r.seconds.size(),
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
  return {{"model", o.step.model},
          {"batch", o.step.batch},
          {"input", o.input},
          {"precision", o.precision},
          {"classes", o.step.classes},
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
  o.step.device = open_device(o.common);
  o.step.seed = o.common.seed;
  const Shape input = parse_input(o.input);
  o.step.channels = input[0], o.step.height = input[1], o.step.width = input[2];
  o.step.precision = *dtype_named(o.precision);
  if (o.step.device == Device::cpu && o.step.precision != DType::f32)
    throw UsageError("--precision: device cpu computes in f32; expected f32, found {}", o.precision);
  const bench::StepResult r = bench::bench_step(o.step);
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
  app.add_option("--model", o->step.model, "Network (see engine_train models)")
      ->capture_default_str()
      ->type_name("NAME");
  app.add_option("--classes", o->step.classes, "Classes of the head")
      ->capture_default_str()
      ->check(CLI::Range(2, 100000));
  app.add_option("--batch,--batch-size", o->step.batch, "Images a step")
      ->capture_default_str()
      ->check(CLI::Range(1, 65536));
  app.add_option("--input", o->input, "Channels, height and width of an image")
      ->capture_default_str()
      ->type_name("CxHxW");
  app.add_option("--steps", o->step.steps, "Timed steps")->capture_default_str()->check(CLI::Range(1, 1000000));
  app.add_option("--warmup", o->step.warmup, "Steps before the clock starts")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000000));
  app.add_option("--precision", o->precision, "Element type of activations: f32, bf16 or f16")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16", "f16"}));
  app.add_flag("--recompute", o->step.recompute, "Recompute activations in backward: less memory, more time");
  add_device_flags(app, o->common);
  add_seed_flag(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

}  // namespace engine::tools

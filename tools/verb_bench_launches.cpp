#include "tools/verb_bench_launches.h"

#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "bench/launches.h"
#include "tools/input_shape.h"

namespace engine::tools {
namespace {

struct LaunchesBenchOptions {
  Common common;
  bench::StepOptions step;
  std::string input = "3x224x224", precision = "bf16";
};

void print_row(const bench::OpLaunches& op) {
  std::cout << fmt::format("{:<34} {:>6} {:>9} {:>10.3f} {:>10.1f}", op.op, op.calls, op.launches, op.bytes * 1e-9,
                           op.flops * 1e-9);
  for (const double s : op.seconds) std::cout << fmt::format(" {:>12.3f}", s * 1e3);
  std::cout << '\n';
}

void print_table(const LaunchesBenchOptions& o, const bench::StepLaunches& r) {
  std::cout << fmt::format("{} batch {} input {} {}: {} launches, {:.2f} GB declared, peak of tensors {:.2f} GB\n",
                           o.step.model, o.step.batch, o.input, o.precision, r.total.launches, r.total.bytes * 1e-9,
                           static_cast<double>(r.peak_tensor_bytes) * 1e-9);
  std::cout << "Nothing was computed or timed: times are what no GPU of the kind can beat, from its data sheet.\n\n";
  std::cout << fmt::format("{:<34} {:>6} {:>9} {:>10} {:>10}", "operation", "calls", "launches", "GB", "GFLOP");
  for (const bench::Gpu& gpu : bench::gpus) std::cout << fmt::format(" {:>12}", fmt::format("{} ms", gpu.name));
  std::cout << '\n';
  for (const bench::OpLaunches& op : r.ops)
    if (op.launches > 0) print_row(op);
  print_row(r.total);
}

nlohmann::json to_json(const bench::OpLaunches& op) {
  nlohmann::json seconds;
  for (std::size_t i = 0; i < std::size(bench::gpus); ++i) seconds[std::string(bench::gpus[i].name)] = op.seconds[i];
  return {{"op", op.op},       {"calls", op.calls}, {"launches", op.launches},
          {"bytes", op.bytes}, {"flops", op.flops}, {"least_seconds", seconds}};
}

ExitCode run(LaunchesBenchOptions& o) {
  const Shape input = parse_input(o.input);
  o.step.channels = input[0], o.step.height = input[1], o.step.width = input[2];
  o.step.precision = *dtype_named(o.precision);
  const bench::StepLaunches r = bench::count_launches(o.step);
  if (prints_table(o.common)) print_table(o, r);
  nlohmann::json ops = nlohmann::json::array();
  for (const bench::OpLaunches& op : r.ops) ops.push_back(to_json(op));
  o.common.device = name_of(Device::cuda_emulated);
  write_json(o.common, {{"model", o.step.model},
                        {"batch", o.step.batch},
                        {"input", o.input},
                        {"precision", o.precision},
                        {"peak_tensor_bytes", r.peak_tensor_bytes},
                        {"total", to_json(r.total)},
                        {"ops", ops}});
  return ExitCode::ok;
}

}  // namespace

Action set_up_bench_launches(CLI::App& app) {
  auto o = std::make_shared<LaunchesBenchOptions>();
  o->step.batch = 64;
  app.footer(
      "Needs no GPU: the step runs on device cuda-emulated with its kernels left out.\n"
      "Examples:\n"
      "  engine_train bench launches --model resnet50 --batch 64 --precision bf16\n"
      "  engine_train bench launches --model cbr_tiny --classes 5 --precision f32 --json launches.json");
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
  app.add_option("--precision", o->precision, "Element type of activations: f32, bf16 or f16")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16", "f16"}));
  app.add_flag("--recompute", o->step.recompute, "Recompute activations in backward");
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

}  // namespace engine::tools

#include "tools/verb_bench_launches.h"

#include <fmt/core.h>

#include <iostream>
#include <memory>

#include "bench/launches.h"
#include "tools/step_flags.h"

namespace engine::tools {
namespace {

struct LaunchesBenchOptions {
  Common common;
  StepFlags flags;
  bool kernels = false;
};

void print_row(const bench::OpLaunches& op) {
  std::cout << fmt::format("{:<34} {:>6} {:>9} {:>10.3f} {:>10.1f}", op.op, op.calls, op.launches, op.bytes * 1e-9,
                           op.flops * 1e-9);
  for (const double s : op.seconds) std::cout << fmt::format(" {:>12.3f}", s * 1e3);
  std::cout << '\n';
}

void print_table(const LaunchesBenchOptions& o, const bench::StepLaunches& r) {
  std::cout << fmt::format("{} batch {} input {} {}: {} launches, {:.2f} GB declared, peak of tensors {:.2f} GB\n",
                           o.flags.step.model, o.flags.step.batch, o.flags.input, o.flags.precision, r.total.launches, r.total.bytes * 1e-9,
                           static_cast<double>(r.peak_tensor_bytes) * 1e-9);
  std::cout << "Nothing was computed or timed: times are what no GPU of the kind can beat, from its data sheet.\n\n";
  std::cout << fmt::format("{:<34} {:>6} {:>9} {:>10} {:>10}", "operation", "calls", "launches", "GB", "GFLOP");
  for (const bench::Gpu& gpu : bench::gpus) std::cout << fmt::format(" {:>12}", fmt::format("{} ms", gpu.name));
  std::cout << '\n';
  for (const bench::OpLaunches& op : r.ops)
    if (op.launches > 0) print_row(op);
  print_row(r.total);
  if (!o.kernels) return;
  std::cout << fmt::format("\n{:<34} {:<34} {:>9} {:>10}\n", "operation", "kernel", "launches", "GB");
  for (const bench::KernelLaunches& k : r.kernels)
    std::cout << fmt::format("{:<34} {:<34} {:>9} {:>10.3f}\n", k.op, k.kernel, k.launches, k.bytes * 1e-9);
}

nlohmann::json to_json(const bench::OpLaunches& op) {
  nlohmann::json seconds;
  for (std::size_t i = 0; i < std::size(bench::gpus); ++i) seconds[std::string(bench::gpus[i].name)] = op.seconds[i];
  return {{"op", op.op},       {"calls", op.calls}, {"launches", op.launches},
          {"bytes", op.bytes}, {"flops", op.flops}, {"least_seconds", seconds}};
}

ExitCode run(LaunchesBenchOptions& o) {
  const bench::StepLaunches r = bench::count_launches(o.flags.options());
  if (prints_table(o.common)) print_table(o, r);
  nlohmann::json ops = nlohmann::json::array();
  for (const bench::OpLaunches& op : r.ops) ops.push_back(to_json(op));
  nlohmann::json kernels = nlohmann::json::array();
  for (const bench::KernelLaunches& k : r.kernels)
    kernels.push_back({{"op", k.op}, {"kernel", k.kernel}, {"launches", k.launches}, {"bytes", k.bytes},
                       {"flops", k.flops}});
  o.common.device = name_of(Device::cuda_emulated);
  write_json(o.common, {{"model", o.flags.step.model},
                        {"batch", o.flags.step.batch},
                        {"input", o.flags.input},
                        {"precision", o.flags.precision},
                        {"peak_tensor_bytes", r.peak_tensor_bytes},
                        {"total", to_json(r.total)},
                        {"ops", ops},
                        {"kernels", kernels}});
  return ExitCode::ok;
}

}  // namespace

Action set_up_bench_launches(CLI::App& app) {
  auto o = std::make_shared<LaunchesBenchOptions>();
  o->flags.step.batch = 64;
  o->flags.precision = "bf16";
  app.footer(
      "Needs no GPU: the step runs on device cuda-emulated with its kernels left out. Launches are those for a GPU of the\n"
      "size of an H100 SXM, whose number of multiprocessors decides which convolutions are split.\n"
      "Examples:\n"
      "  engine_train bench launches --model resnet50 --batch 64 --precision bf16\n"
      "  engine_train bench launches --model cbr_tiny --classes 5 --precision f32 --json launches.json");
  add_step_flags(app, o->flags);
  app.add_flag("--kernels", o->kernels, "Print each kernel too");
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

}  // namespace engine::tools

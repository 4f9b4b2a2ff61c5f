#include <fmt/core.h>

#include <iostream>
#include <memory>
#include <thread>

#include "engine/data/synth_fundus.h"
#include "tools/verb.h"

namespace engine::tools::synth_verb {
namespace {

constexpr const char* examples = R"(Examples:
  engine_train synth fundus --out data/synthetic --count 2000 --size 128
  engine_train train --data synth-fundus:data/synthetic --model cbr_tiny_1m --image-size 128 --output-dir runs/synthetic)";

struct Options {
  Common common;
  std::string subject, out;
  SynthFundusOptions synth;
};

ExitCode run(Options& o) {
  o.synth.seed = o.common.seed;
  o.synth.threads = o.common.threads > 0 ? o.common.threads : static_cast<int>(std::thread::hardware_concurrency());
  if (!o.common.quiet)
    std::cerr << fmt::format("seed {}: writing {} SYNTHETIC pictures to {}\n", o.synth.seed, o.synth.count, o.out);
  const std::size_t every = std::max<std::size_t>(1, o.synth.count / 10);
  write_synth_fundus(o.out, o.synth, [&](std::size_t done) {
    if (!o.common.quiet && done % every == 0) std::cerr << fmt::format("{} of {}\n", done, o.synth.count);
  });
  if (!o.common.quiet)
    std::cerr << fmt::format(
        "done; train on it with: engine_train train --data synth-fundus:{} --model cbr_tiny_1m ...\n", o.out);
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer(examples);
  app.add_option("WHAT", o->subject, "fundus: photographs of a retina")->required()->check(CLI::IsMember({"fundus"}));
  app.add_option("--out", o->out, "Folder to write")->type_name("DIR")->required();
  app.add_option("--count", o->synth.count, "Pictures; two a patient")->capture_default_str();
  app.add_option("--classes", o->synth.classes, "Grades, 2 to 5")->capture_default_str();
  app.add_option("--size", o->synth.size, "Pixels a side")->capture_default_str();
  add_threads_flag(app, o->common);
  app.add_flag("--quiet", o->common.quiet, "Only errors on standard error");
  add_seed_flag(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("synth", "Make labelled SYNTHETIC data with known lesions and grades", set_up);

}  // namespace
}  // namespace engine::tools::synth_verb

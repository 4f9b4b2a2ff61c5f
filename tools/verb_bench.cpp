// `bench WHAT`: each subject is a file of its own, tools/verb_bench_WHAT.cpp.
#include <memory>

#include "tools/verb.h"
#include "tools/verb_bench_kernels.h"
#include "tools/verb_bench_launches.h"
#include "tools/verb_bench_loader.h"
#include "tools/verb_bench_metrics.h"
#include "tools/verb_bench_step.h"

namespace engine::tools::bench_verb {
namespace {

struct Subject {
  const char *name, *summary;
  Action (*set_up)(CLI::App& app);
};

constexpr Subject subjects[] = {
    {"kernels", "Single operations, checked and then timed: GFLOP/s, GB/s, % of limit", set_up_bench_kernels},
    {"launches", "Kernels, bytes and operations of a training step on a GPU, counted without one", set_up_bench_launches},
    {"loader", "Decode, transform and batch pictures: images/s", set_up_bench_loader},
    {"metrics", "Intervals of an AUC by resampling groups: seconds", set_up_bench_metrics},
    {"step", "A whole training step: images/s, peak memory, time per operation", set_up_bench_step},
};

Action set_up(CLI::App& app) {
  app.footer("engine_train bench VERB --help says what each takes.");
  app.require_subcommand(1);
  auto chosen = std::make_shared<Action>();
  for (const Subject& s : subjects) {
    CLI::App* subject = app.add_subcommand(s.name, s.summary)->group("Verbs")->footer("");
    const Action action = s.set_up(*subject);
    subject->callback([chosen, action] { *chosen = action; });
  }
  return [chosen] { return (*chosen)(); };
}

const RegisterVerb verb("bench", "Measure: a training step, kernels, the loader", set_up);

}  // namespace
}  // namespace engine::tools::bench_verb

#include <iostream>
#include <memory>

#include "engine/train/explain_step.h"
#include "tools/verb.h"

namespace engine::tools::explain_verb {
namespace {

ExitCode run(Common& common) {
  common.device = "reference";
  common.quiet = true;
  open_device(common);
  explain_training_step(std::cout);
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto common = std::make_shared<Common>();
  app.footer("Examples:\n  engine_train explain\ndocs/autograd.md follows these numbers by hand.");
  return [common] { return run(*common); };
}

const RegisterVerb verb("explain", "Print every number of one tiny training step, from the loss to the weights",
                        set_up);

}  // namespace
}  // namespace engine::tools::explain_verb

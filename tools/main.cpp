// engine_train VERB --flags: finds the verb, parses, runs, turns errors into exit codes.
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <iostream>

#include "engine/tensor/suggest.h"
#include "tools/help.h"
#include "tools/verb.h"

namespace engine::tools {
namespace {

constexpr const char* examples = R"(Examples:
  Train a small network on Fashion-MNIST (apt install dataset-fashion-mnist):
    engine_train train --data fashion-mnist --model cbr_tiny_1m --pad 2 --epochs 3 --output-dir runs/first
  Go on after an interruption, to the same bits as without it:
    engine_train train --data fashion-mnist --model cbr_tiny_1m --pad 2 --epochs 3 --output-dir runs/first --resume
  Evaluate and predict:
    engine_train eval --run runs/first --split test
    engine_train predict --run runs/first photo.png more/ --csv predictions.csv
  Your own images, one folder per class:
    engine_train train --data folder:my_images --model resnet18 --epochs 20 --output-dir runs/mine

engine_train VERB --help says what a verb takes. Exit codes: 0 ok, 1 runtime, 2 usage, 3 data or checkpoint,
4 NaN or Inf, 5 no such device, 130 interrupted after saving.)";

std::string& command_text() {
  static std::string text;
  return text;
}

// The verb that was reached, `bench step` before `bench`.
const CLI::App& deepest(const CLI::App& app) {
  const auto inner = app.get_subcommands();
  return inner.empty() ? app : deepest(*inner.front());
}

// CLI11 says which arguments were left over; the nearest name is ours to find.
std::string suggestion_for(const CLI::App& app, const CLI::App& used) {
  const std::vector<std::string> left = app.remaining(true);
  if (left.empty()) return {};
  const std::string typed = left.front().substr(0, left.front().find('='));
  std::vector<std::string> known;
  if (typed.starts_with("-")) {
    for (const CLI::Option* o : used.get_options())
      for (const auto* names : {&o->get_lnames(), &o->get_fnames()})
        for (const std::string& name : *names) known.push_back("--" + name);
    return fmt::format("unknown flag '{}'{}", typed, did_you_mean(typed, known));
  }
  for (const CLI::App* verb : used.get_subcommands({})) known.push_back(verb->get_name());
  if (known.empty()) return fmt::format("unexpected argument '{}'", typed);
  return fmt::format("unknown verb '{}'{} (known: {})", typed, did_you_mean(typed, known), fmt::join(known, ", "));
}

ExitCode run(int argc, char** argv) {
  CLI::App app("Trains image classifiers from scratch or transfer, and shows how they work inside.", "engine_train");
  app.formatter(help_formatter());
  app.footer(examples);
  app.set_version_flag("--version", std::string("engine_train ") + ENGINE_VERSION, "Print the version and exit");
  app.require_subcommand(1);
  const char* const* named = std::find_if(argv + 1, argv + argc, [](const char* a) { return a[0] != '-'; });
  Action action;
  std::sort(verbs().begin(), verbs().end(), [](const Verb& a, const Verb& b) { return a.name < b.name; });
  for (const Verb& v : verbs()) {
    CLI::App* verb = app.add_subcommand(v.name, v.summary)->group("Verbs")->footer("");
    // Only the verb that is used pays for its options.
    if (named != argv + argc && v.name == *named) action = v.set_up(*verb);
  }
  if (argc == 1) {
    std::cerr << app.help();
    return ExitCode::usage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e) == 0 ? ExitCode::ok : ExitCode::usage;  // --help, --version
  } catch (const CLI::ParseError& e) {
    const CLI::App& used = deepest(app);
    std::string verb = "engine_train";
    for (const CLI::App* level = &app; level != &used; verb += " " + level->get_name())
      level = level->get_subcommands().front();
    std::string hint = suggestion_for(app, used);
    if (hint.empty() && !used.get_subcommands({}).empty()) hint = "expected a verb";
    std::cerr << fmt::format("{}: {}\nSee {} --help\n", verb, hint.empty() ? e.what() : hint, verb);
    return ExitCode::usage;
  }
  return action();
}

}  // namespace

const std::string& command_line() { return command_text(); }

}  // namespace engine::tools

int main(int argc, char** argv) {
  using engine::ExitCode;
  for (int i = 0; i < argc; ++i) engine::tools::command_text() += (i ? " " : "") + std::string(argv[i]);
  const auto fail = [](ExitCode code, const char* what) {
    std::cerr << "engine_train: " << what << '\n';
    return static_cast<int>(code);
  };
  try {
    return static_cast<int>(engine::tools::run(argc, argv));
  } catch (const engine::Error& e) {
    return fail(e.exit_code(), e.what());
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::runtime, "out of memory");
  } catch (const std::exception& e) {
    return fail(ExitCode::runtime, e.what());
  }
}

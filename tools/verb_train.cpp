#include <algorithm>
#include <iostream>
#include <memory>

#include "engine/train/trainer.h"
#include "kernels/cpu/cpu_backend.h"
#include "tools/verb.h"

namespace engine::tools::train_verb {
namespace {

constexpr const char* examples = R"(Examples:
  engine_train train --data fashion-mnist --model cbr_tiny_1m --pad 2 --epochs 3 --lr 0.05 --output-dir runs/a
  engine_train train --data folder:images --model resnet18 --random-crop --flip --optimizer adamw --lr 1e-3 \
      --epochs 30 --warmup-epochs 2 --early-stop accuracy:5 --output-dir runs/b
  engine_train train --data csv:labels.csv --label-columns edema,effusion --group-column patient --model cbr_small \
      --pos-weight balanced --output-dir runs/c
  engine_train train --config runs/b/config.json --lr 5e-4 --output-dir runs/d
  engine_train train --output-dir runs/b --resume
Keys of --config are the flags' names; flags win. docs/runs.md tells what the folder of a run holds.)";

struct Options {
  Common common;
  std::string config_file;
  struct Flag {
    const ConfigOption* option;
    CLI::Option* parsed;
    std::vector<std::string> values;
    bool on = false;
  };
  std::vector<std::unique_ptr<Flag>> flags;
};

std::string shown_default(const nlohmann::json& value) {
  if (value.is_null() || value == "" || (value.is_array() && value.empty())) return {};
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void declare(CLI::App& app, Options& o) {
  const TrainConfig defaults;
  for (const ConfigOption& option : config_options()) {
    o.flags.push_back(std::make_unique<Options::Flag>(Options::Flag{&option, nullptr, {}, false}));
    Options::Flag& f = *o.flags.back();
    if (option.kind == ConfigOption::Kind::flag) {
      f.parsed = app.add_flag("--" + option.name + ",!--no-" + option.name, f.on, option.help);
    } else {
      f.parsed = app.add_option("--" + option.name, f.values, option.help)->type_name(option.metavar);
      f.parsed->default_str(shown_default(option.get(defaults)));
      if (option.kind == ConfigOption::Kind::list) f.parsed->delimiter(',');
      f.parsed->allow_extra_args(false);
    }
    f.parsed->group(option.section);
  }
}

const Options::Flag& flag(const Options& o, const char* name) {
  return **std::find_if(o.flags.begin(), o.flags.end(), [&](const auto& f) { return f->option->name == name; });
}

// A run that goes on need not be told again what it is, only how far it may go.
void load_interrupted(const Options& o, TrainConfig& config) {
  if (!flag(o, "resume").on || flag(o, "output-dir").values.empty()) return;
  const auto file = std::filesystem::path(flag(o, "output-dir").values.back()) / "config.json";
  if (!std::filesystem::exists(file)) return;
  config.load_file(file);
  config.max_steps = 0;
}

ExitCode run(const Options& o) {
  TrainConfig config;
  if (o.config_file.empty())
    load_interrupted(o, config);
  else
    config.load_file(o.config_file);
  for (const auto& f : o.flags) {
    if (f->parsed->count() == 0) continue;
    switch (f->option->kind) {
      case ConfigOption::Kind::flag:
        config.set(f->option->name, f->on, "flag");
        break;
      case ConfigOption::Kind::list:
      case ConfigOption::Kind::repeated:
        config.set(f->option->name, f->values, "flag");
        break;
      case ConfigOption::Kind::value:
        config.set(f->option->name, f->values.back(), "flag");
        break;
    }
  }
  config.validate();
  Common common = o.common;
  common.device = config.device;
  common.tf32 = config.tf32;
  common.conv = config.conv;
  common.matmul = config.matmul;
  common.kernels = config.kernel;
  common.threads = static_cast<int>(config.threads);
  open_device(common);
  // The bits of a run depend on the number of threads, so its record must hold it.
  if (config.threads == 0) config.threads = cpu_threads();
  const TrainResult result = train(config, common.quiet);
  if (result.interrupted) return ExitCode::interrupted;
  if (prints_table(common)) std::cout << result.table;
  write_json(common, result.summary);
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer(examples);
  app.add_option("--config", o->config_file, "Options from a JSON file; flags win")->type_name("FILE");
  app.add_flag("--quiet", o->common.quiet, "Only errors on standard error");
  add_json_flag(app, o->common);
  declare(app, *o);
  return [o] { return run(*o); };
}

const RegisterVerb verb("train", "Train a network; the folder it fills can be resumed, evaluated, inspected", set_up);

}  // namespace
}  // namespace engine::tools::train_verb

#include <fmt/core.h>

#include <iostream>
#include <memory>

#include "engine/train/evaluate.h"
#include "engine/train/model_setup.h"
#include "tools/verb.h"

namespace engine::tools::eval_verb {
namespace {

constexpr const char* examples = R"(Examples:
  engine_train eval --run runs/a
  engine_train eval --weights runs/a/last.safetensors --data folder:other_hospital --split train --csv scores.csv
Intervals: DeLong where every picture is its own group, else a bootstrap of whole groups (patients).)";

struct Options {
  Common common;
  std::string run, weights, data, split = "test", csv;
  std::string image_column, group_column, split_column;
  std::vector<std::string> label_columns;
  int batch_size = 0, workers = 1, resamples = 1000;
};

ExitCode run(const Options& o) {
  if (o.run.empty() == o.weights.empty()) throw UsageError("eval: expected either --run DIR or --weights FILE");
  const Device device = open_device(o.common);
  const Checkpoint checkpoint(o.run.empty() ? std::filesystem::path(o.weights) : run_checkpoint(o.run));
  const ModelSetup setup = load_setup(checkpoint, device);
  TrainConfig config = checkpoint_config(checkpoint);
  if (!o.data.empty()) config.data = o.data;
  if (!o.image_column.empty()) config.image_column = o.image_column;
  if (!o.label_columns.empty()) config.label_columns = o.label_columns;
  if (!o.group_column.empty()) config.group_column = o.group_column;
  if (!o.split_column.empty()) config.split_column = o.split_column;
  const DataSplits splits = open_data(config.data, data_options(config));
  const Dataset& data = *splits.at(o.split);
  check_classes(setup, data);

  LoaderOptions loader;
  loader.batch_size = static_cast<std::size_t>(o.batch_size > 0 ? o.batch_size : config.batch_size);
  loader.workers = o.workers;
  loader.skip_bad_images = config.on_bad_image == "skip";
  const Predictions p = predict(*setup.model, data, setup.preparation, loader, device);
  const auto metrics = compute_metrics(p, {o.resamples, o.common.seed});
  if (!o.csv.empty()) write_predictions(o.csv, p);
  if (prints_table(o.common))
    std::cout << fmt::format("{} on {}, {}: {} pictures\n{}", setup.name, config.data, o.split, p.size(),
                             metrics_table(metrics));
  write_json(o.common, {{"model", setup.name},
                        {"weights", checkpoint.file().name()},
                        {"data", config.data},
                        {"split", o.split},
                        {"pictures", p.size()},
                        {"resamples", o.resamples},
                        {"seed", o.common.seed},
                        {"metrics", metrics_json(metrics)}});
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer(examples);
  app.add_option("--run", o->run, "Folder of a run: its best weights, its data")->type_name("DIR");
  app.add_option("--weights", o->weights, "Checkpoint")->type_name("FILE");
  app.add_option("--data", o->data, "Data source [default: the one it was trained on]")->type_name("SRC");
  app.add_option("--split", o->split, "train, val or test")->capture_default_str()->type_name("NAME");
  app.add_option("--csv", o->csv, "Write id, group, label and probabilities to FILE")->type_name("FILE");
  app.add_option("--image-column", o->image_column, "csv: column of the path")->type_name("NAME");
  app.add_option("--label-columns", o->label_columns, "csv: column(s) of the label")
      ->type_name("NAME,...")
      ->delimiter(',');
  app.add_option("--group-column", o->group_column, "csv: column of the patient")->type_name("NAME");
  app.add_option("--split-column", o->split_column, "csv: column that says train, val or test")->type_name("NAME");
  app.add_option("--batch-size", o->batch_size, "Images at a time [default: the run's]")->check(CLI::Range(1, 65536));
  app.add_option("--workers", o->workers, "Loader threads")->capture_default_str()->check(CLI::Range(0, 1024));
  app.add_option("--resamples", o->resamples, "Bootstrap resamples; 0 = no bootstrap")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000000));
  add_device_flags(app, o->common);
  add_seed_flag(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("eval", "Metrics of a trained network on a data set, with 95% intervals", set_up);

}  // namespace
}  // namespace engine::tools::eval_verb

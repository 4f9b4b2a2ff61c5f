#include "tools/verb_bench_loader.h"

#include <fmt/core.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "bench/loader.h"
#include "engine/data/data_sources.h"
#include "engine/data/normalization.h"
#include "tools/input_shape.h"

namespace engine::tools {
namespace {

struct LoaderBenchOptions {
  Common common;
  std::string data, split = "train", input = "3x224x224", on_bad_image = "error";
  bool augment = false, pack = false;
  int batch_size = 32, workers = 2, epochs = 3;
};

TransformPlan plan_of(const LoaderBenchOptions& o) {
  const Shape input = parse_input(o.input);
  TransformPlan plan;
  plan.channels = static_cast<int>(input[0]);
  plan.height = static_cast<int>(input[1]);
  plan.width = static_cast<int>(input[2]);
  plan.random_resized_crop = plan.horizontal_flip = o.augment;
  if (plan.channels == 3) plan.mean = imagenet_normalization.mean, plan.deviation = imagenet_normalization.deviation;
  plan.check();
  return plan;
}

ExitCode run(const LoaderBenchOptions& o) {
  DataOptions data_options;
  data_options.seed = o.common.seed;
  const auto data = open_data(o.data, data_options).at(o.split);
  LoaderOptions loader;
  loader.batch_size = static_cast<std::size_t>(o.batch_size);
  loader.workers = o.workers;
  loader.seed = o.common.seed;
  loader.augment = o.augment;
  loader.pack = o.pack;
  loader.sampling = Sampling::shuffled;
  loader.skip_bad_images = o.on_bad_image == "skip";
  const bench::LoaderResult r = bench::bench_loader(*data, plan_of(o), loader, o.epochs);
  if (prints_table(o.common))
    std::cout << fmt::format(
        "{} {} pictures to {}, {} workers: {:.1f} images/s, median of {} epochs ({:.1f} to {:.1f}), {} could not be read\n",
        r.images, o.data, o.input, o.workers, r.median, o.epochs,
        *std::min_element(r.images_per_second.begin(), r.images_per_second.end()),
        *std::max_element(r.images_per_second.begin(), r.images_per_second.end()), r.bad_images);
  write_json(o.common, {{"data", o.data},
                        {"input", o.input},
                        {"workers", o.workers},
                        {"pack", o.pack},
                        {"images", r.images},
                        {"bad_images", r.bad_images},
                        {"images_per_second", r.median},
                        {"images_per_second_by_epoch", r.images_per_second},
                        {"peak_bytes", r.peak_bytes}});
  return ExitCode::ok;
}

}  // namespace

Action set_up_bench_loader(CLI::App& app) {
  auto o = std::make_shared<LoaderBenchOptions>();
  app.footer("Example:\n  engine_train bench loader --data folder:photos --augment --workers 2");
  app.add_option("--data", o->data, "Data source (see datasets)")->required()->type_name("SRC");
  app.add_option("--split", o->split, "train, val or test")->capture_default_str()->check(CLI::IsMember({"train", "val", "test"}));
  app.add_option("--input", o->input, "CHANNELSxHEIGHTxWIDTH")->capture_default_str();
  app.add_flag("--augment", o->augment, "Random resized crop and flip, as in training; else resize and centre crop");
  app.add_flag("--pack", o->pack, "Leave the transforms to the device, as training on CUDA devices does");
  app.add_option("--batch,--batch-size", o->batch_size, "Images a batch")->capture_default_str()->check(CLI::Range(1, 65536));
  app.add_option("--workers", o->workers, "Loader threads; 0 loads in the calling thread")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  app.add_option("--epochs", o->epochs, "Timed passes, after one that warms up")->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--on-bad-image", o->on_bad_image, "error, or skip")
      ->capture_default_str()
      ->check(CLI::IsMember({"error", "skip"}));
  app.add_flag("--quiet", o->common.quiet, "Only errors on standard error");
  add_seed_flag(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

}  // namespace engine::tools

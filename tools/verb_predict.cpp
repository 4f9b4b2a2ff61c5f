#include <fmt/core.h>

#include <iostream>
#include <memory>

#include "engine/data/csv.h"
#include "engine/data/folder.h"
#include "engine/data/normalization.h"
#include "engine/io/file.h"
#include "engine/io/image_decode.h"
#include "engine/train/evaluate.h"
#include "engine/train/model_setup.h"
#include "tools/verb.h"

namespace engine::tools::predict_verb {
namespace {

namespace fs = std::filesystem;

constexpr const char* examples = R"(Examples:
  engine_train predict --run runs/a photo.png --csv -
  engine_train predict --weights runs/a/best.safetensors scans/ --csv predictions.csv --on-bad-image skip
  engine_train predict --weights resnet50.safetensors --model resnet50 --preprocess imagenet cat.jpg)";

struct Options {
  Common common;
  std::string run, weights, model, preprocess = "checkpoint", csv, on_bad_image = "error";
  std::vector<std::string> paths;
  int batch_size = 64, workers = 1;
};

// Pictures without labels.
class PictureFiles final : public Dataset {
 public:
  PictureFiles(std::vector<fs::path> files, const ModelSetup& setup) : files_(std::move(files)) {
    classes_ = setup.classes;
    task_ = setup.task;
    name_ = "pictures";
    for (const fs::path& f : files_) {
      Sample s{f.string(), f.string(), -1, {}};
      if (task_ == Task::multi_label) s.targets.assign(classes_.size(), missing_target);
      samples_.push_back(std::move(s));
    }
  }
  Image load(std::size_t i, int short_side_hint) const override {
    DecodeOptions o;
    o.short_side_hint = short_side_hint;
    return read_image(files_[i], o);
  }

 private:
  std::vector<fs::path> files_;
};

// Files as named; of folders, every picture below, in the order of their paths.
std::vector<fs::path> pictures_at(const std::vector<std::string>& paths) {
  std::vector<fs::path> all;
  for (const fs::path path : paths) {
    if (!fs::exists(path)) throw DataError("{}: no such file or folder", path.string());
    if (!fs::is_directory(path)) {
      all.push_back(path);
      continue;
    }
    const std::vector<fs::path> inside = find_pictures(path);
    if (inside.empty()) throw DataError("{}: no picture in this folder", path.string());
    all.insert(all.end(), inside.begin(), inside.end());
  }
  return all;
}

// Multi-label rows name every label whose probability reaches one half, with ';' between.
std::string decision(const Predictions& p, std::size_t i) {
  if (p.task == Task::multi_class) return p.classes[p.top(i)];
  std::string names;
  for (std::size_t c = 0; c < p.classes.size(); ++c)
    if (p.row(i)[c] >= 0.5) names += (names.empty() ? "" : ";") + p.classes[c];
  return names;
}

std::string to_csv(const Predictions& p) {
  std::string out = "path,predicted";
  for (const std::string& c : p.classes) out += "," + csv_field(c);
  out += '\n';
  for (std::size_t i = 0; i < p.size(); ++i) {
    out += csv_field(p.ids[i]) + "," + csv_field(decision(p, i));
    for (std::size_t c = 0; c < p.classes.size(); ++c) out += fmt::format(",{:.9g}", p.row(i)[c]);
    out += '\n';
  }
  return out;
}

nlohmann::json to_json(const Predictions& p) {
  nlohmann::json rows = nlohmann::json::array();
  for (std::size_t i = 0; i < p.size(); ++i)
    rows.push_back({{"path", p.ids[i]},
                    {"predicted", decision(p, i)},
                    {"probabilities", std::vector<double>(p.row(i), p.row(i) + p.classes.size())}});
  return rows;
}

// What was asked for by --preprocess, or what the checkpoint remembers.
void choose_normalization(const Options& o, ModelSetup& setup) {
  if (o.preprocess == "checkpoint") {
    if (setup.plain)
      throw UsageError("predict: {} does not say how pictures are prepared: choose --preprocess imagenet or none",
                       o.weights);
    return;
  }
  const bool imagenet = o.preprocess == "imagenet";
  setup.preparation.mean = imagenet ? imagenet_normalization.mean : std::vector<float>{};
  setup.preparation.deviation = imagenet ? imagenet_normalization.deviation : std::vector<float>{};
  setup.preparation.check();
}

ExitCode run(const Options& o) {
  // Rows go to standard output unless something else was asked for.
  const std::string csv = o.csv.empty() && o.common.json != "-" ? "-" : o.csv;
  if (csv == "-" && o.common.json == "-")
    throw UsageError("predict: --csv - and --json - cannot share standard output");
  if (o.run.empty() == o.weights.empty()) throw UsageError("predict: expected either --run DIR or --weights FILE");
  const Device device = open_device(o.common);
  const fs::path weights = o.run.empty() ? fs::path(o.weights) : run_checkpoint(o.run);
  ModelSetup setup = open_setup(weights, o.model, device);
  choose_normalization(o, setup);
  const PictureFiles pictures(pictures_at(o.paths), setup);
  LoaderOptions loader;
  loader.batch_size = static_cast<std::size_t>(o.batch_size);
  loader.workers = o.workers;
  loader.skip_bad_images = o.on_bad_image == "skip";
  const Predictions p = predict(*setup.model, pictures, setup.preparation, loader, device);
  if (p.size() < pictures.size() && !o.common.quiet)
    std::cerr << fmt::format("{} of {} pictures could not be read\n", pictures.size() - p.size(), pictures.size());
  if (csv == "-")
    std::cout << to_csv(p);
  else if (!csv.empty())
    atomic_write(csv, to_csv(p));
  write_json(o.common, {{"model", setup.name},
                        {"weights", weights.string()},
                        {"classes", p.classes},
                        {"pictures", p.size()},
                        {"predictions", to_json(p)}});
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer(examples);
  app.add_option("PATH", o->paths, "Pictures, or folders of pictures")->required();
  app.add_option("--run", o->run, "Folder of a run: its best weights")->type_name("DIR");
  app.add_option("--weights", o->weights, "Checkpoint, or plain tensors under torchvision's names")->type_name("FILE");
  app.add_option("--model", o->model, "Network; needed for plain tensors, else checked")->type_name("NAME");
  app.add_option("--preprocess", o->preprocess, "Normalisation: checkpoint, imagenet or none")
      ->capture_default_str()
      ->type_name("NAME")
      ->check(CLI::IsMember({"checkpoint", "imagenet", "none"}));
  app.add_option("--csv", o->csv, "Where the rows go (- = standard output) [default: -]")->type_name("FILE");
  app.add_option("--on-bad-image", o->on_bad_image, "error, or skip")
      ->capture_default_str()
      ->type_name("NAME")
      ->check(CLI::IsMember({"error", "skip"}));
  app.add_option("--batch-size", o->batch_size, "Images at a time")->capture_default_str()->check(CLI::Range(1, 65536));
  app.add_option("--workers", o->workers, "Loader threads")->capture_default_str()->check(CLI::Range(0, 1024));
  add_device_flags(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("predict", "Classes and probabilities of pictures, as CSV", set_up);

}  // namespace
}  // namespace engine::tools::predict_verb

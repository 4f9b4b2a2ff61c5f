#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "engine/data/csv.h"
#include "engine/data/normalization.h"
#include "engine/io/file.h"
#include "engine/io/image_decode.h"
#include "engine/train/evaluate.h"
#include "engine/train/model_setup.h"
#include "tools/verb.h"

namespace engine::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* examples = R"(
Examples:
  engine_train predict --run runs/a photo.png --csv -
  engine_train predict --weights runs/a/best.safetensors scans/ --csv predictions.csv --on-bad-image skip)";

struct Options {
  Common common;
  std::string run, weights, model, preprocess = "checkpoint", csv = "-", on_bad_image = "error";
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

bool looks_like_picture(const fs::path& p) {
  static const std::vector<std::string> endings{".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".ppm", ".gif"};
  std::string e = p.extension().string();
  std::transform(e.begin(), e.end(), e.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(endings.begin(), endings.end(), e) != endings.end();
}

// Files as named; of folders, every picture below, in the order of their paths.
std::vector<fs::path> find_pictures(const std::vector<std::string>& paths) {
  std::vector<fs::path> all;
  for (const fs::path path : paths) {
    if (!fs::exists(path)) throw DataError("{}: no such file or folder", path.string());
    if (!fs::is_directory(path)) {
      all.push_back(path);
      continue;
    }
    std::vector<fs::path> inside;
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file() && looks_like_picture(entry.path())) inside.push_back(entry.path());
    if (inside.empty()) throw DataError("{}: no picture in this folder", path.string());
    std::sort(inside.begin(), inside.end());
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

ExitCode run(const Options& o) {
  if (o.run.empty() == o.weights.empty()) throw UsageError("predict: expected either --run DIR or --weights FILE");
  const Device device = open_device(o.common);
  const Checkpoint checkpoint(o.run.empty() ? fs::path(o.weights) : run_checkpoint(o.run));
  ModelSetup setup = load_setup(checkpoint, device);
  if (!o.model.empty() && o.model != setup.name)
    throw UsageError("{} holds a {}, not a {}", checkpoint.file().name(), setup.name, o.model);
  if (o.preprocess != "checkpoint") {
    const bool imagenet = o.preprocess == "imagenet";
    setup.preparation.mean = imagenet ? imagenet_normalization.mean : std::vector<float>{};
    setup.preparation.deviation = imagenet ? imagenet_normalization.deviation : std::vector<float>{};
    setup.preparation.check();
  }
  const PictureFiles pictures(find_pictures(o.paths), setup);
  LoaderOptions loader;
  loader.batch_size = static_cast<std::size_t>(o.batch_size);
  loader.workers = o.workers;
  loader.skip_bad_images = o.on_bad_image == "skip";
  const Predictions p = predict(*setup.model, pictures, setup.preparation, loader, device);
  if (p.size() < pictures.size() && !o.common.quiet)
    std::cerr << fmt::format("{} of {} pictures could not be read\n", pictures.size() - p.size(), pictures.size());
  if (o.csv == "-")
    std::cout << to_csv(p);
  else
    atomic_write(o.csv, to_csv(p));
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer(examples);
  app.add_option("PATH", o->paths, "Pictures, or folders of pictures")->required();
  app.add_option("--run", o->run, "Folder of a run: its best weights")->type_name("DIR");
  app.add_option("--weights", o->weights, "Checkpoint")->type_name("FILE");
  app.add_option("--model", o->model, "Fail unless the checkpoint holds this network");
  app.add_option("--preprocess", o->preprocess, "Normalisation: checkpoint, imagenet or none")
      ->capture_default_str()
      ->check(CLI::IsMember({"checkpoint", "imagenet", "none"}));
  app.add_option("--csv", o->csv, "Where the rows go (- = standard output)")->capture_default_str()->type_name("OUT");
  app.add_option("--on-bad-image", o->on_bad_image, "error, or skip")
      ->capture_default_str()
      ->check(CLI::IsMember({"error", "skip"}));
  app.add_option("--batch-size", o->batch_size, "Images at a time")->capture_default_str()->check(CLI::Range(1, 65536));
  app.add_option("--workers", o->workers, "Loader threads")->capture_default_str()->check(CLI::Range(0, 1024));
  add_device_flags(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("predict", "Classes and probabilities of pictures, as CSV", set_up);

}  // namespace
}  // namespace engine::tools

// `forward`: numbers in, numbers out, for comparing a network with another program's.
#include <fmt/core.h>

#include <iostream>
#include <memory>
#include <regex>
#include <set>

#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "engine/train/model_setup.h"
#include "kernels/backend.h"
#include "tools/verb.h"

namespace engine::tools::forward_verb {
namespace {

namespace fs = std::filesystem;

constexpr const char* examples = R"(Examples:
  engine_train forward --run runs/a --input x.npy --output logits.npy
  engine_train forward --weights resnet50.safetensors --model resnet50 --input x.npy --output logits.npy \
      --dump 'layer[0-9]+\.0$|bn1$' --dump-dir activations
The input is float32 [N, C, H, W], already normalised. Names for --dump are those of engine_train inspect, and of the
modules that hold them; a batch norm's activation is what it returns, before the ReLU behind it.)";

struct Options {
  Common common;
  std::string run, weights, model, input, output, dump, dump_dir;
  bool training = false;
};

Tensor read_input(const std::string& path, const ModelSetup& setup, Device device) {
  const NpyArray a = read_npy(path);
  if (a.type != "f4") throw DataError("{}: expected float32 (f4), found {}", path, a.type);
  if (a.shape.dims().size() != 4 || a.shape.numel() == 0 || a.shape[1] != setup.preparation.channels)
    throw DataError("{}: {} expects [N, {}, H, W], found {}", path, setup.name, setup.preparation.channels,
                    a.shape.str());
  return from_vector(a.values<float>(), a.shape, device);
}

// Every module whose name matches writes what it returns; one that runs twice writes NAME.npy and NAME.2.npy.
class Dump {
 public:
  Dump(const Options& o, models::Classifier& model) : folder_(o.dump_dir) {
    std::regex wanted;
    try {
      wanted = std::regex(o.dump);
    } catch (const std::regex_error& e) {
      throw UsageError("--dump: '{}' is not a regular expression: {}", o.dump, e.what());
    }
    std::string names;
    for (nn::Module* m : model.modules()) {
      if (m->path().empty()) continue;  // the network itself: that is --output
      names += (names.empty() ? "" : ", ") + m->path();
      if (!std::regex_search(m->path(), wanted)) continue;
      m->add_hook([this](const std::string& path, const Variable& y) { write(path, y.value()); });
      hooked_ = true;
    }
    if (!hooked_) throw UsageError("--dump: '{}' matches no module (there are: {})", o.dump, names);
    ensure_directory(folder_);
  }

  const nlohmann::json& written() const { return written_; }

 private:
  void write(const std::string& path, const Tensor& t) {
    std::string name = path;
    for (int run = 2; !names_.insert(name).second; ++run) name = fmt::format("{}.{}", path, run);
    const fs::path file = folder_ / (name + ".npy");
    write_npy(file, to_vector<float>(t), t.shape());
    written_.push_back({{"layer", path}, {"shape", t.shape().dims()}, {"file", file.string()}});
  }

  fs::path folder_;
  bool hooked_ = false;
  std::set<std::string> names_;
  nlohmann::json written_ = nlohmann::json::array();
};

ExitCode run(const Options& o) {
  if (o.run.empty() == o.weights.empty()) throw UsageError("forward: expected either --run DIR or --weights FILE");
  if (o.dump.empty() != o.dump_dir.empty()) throw UsageError("forward: --dump REGEX and --dump-dir DIR go together");
  const Device device = open_device(o.common);
  const fs::path weights = o.run.empty() ? fs::path(o.weights) : run_checkpoint(o.run);
  const ModelSetup setup = open_setup(weights, o.model, device);
  const Variable input(read_input(o.input, setup, device));
  setup.model->set_training(o.training);
  nn::set_random_step(*setup.model, o.common.seed, 0);
  std::unique_ptr<Dump> dump;
  if (!o.dump.empty()) dump = std::make_unique<Dump>(o, *setup.model);
  const Tensor logits = (*setup.model)(input).value();
  write_npy(o.output, to_vector<float>(logits), logits.shape());
  const nlohmann::json written = dump ? dump->written() : nlohmann::json::array();
  if (!o.common.quiet)
    std::cerr << fmt::format("{} {} -> {} in {}; {} activations written\n", setup.name, input.shape().str(),
                             logits.shape().str(), o.output, written.size());
  write_json(o.common, {{"model", setup.name},
                        {"weights", weights.string()},
                        {"training", o.training},
                        {"input_shape", input.shape().dims()},
                        {"output_shape", logits.shape().dims()},
                        {"output", o.output},
                        {"activations", written}});
  return ExitCode::ok;
}

Action set_up(CLI::App& app) {
  auto o = std::make_shared<Options>();
  app.footer(examples);
  app.add_option("--run", o->run, "Folder of a run: its best weights")->type_name("DIR");
  app.add_option("--weights", o->weights, "Checkpoint, or plain tensors under torchvision's names")->type_name("FILE");
  app.add_option("--model", o->model, "Network; needed for plain tensors, else checked")->type_name("NAME");
  app.add_option("--input", o->input, "NumPy array")->type_name("FILE")->required();
  app.add_option("--output", o->output, "NumPy array of the logits")->type_name("FILE")->required();
  app.add_flag("--training", o->training, "Batch norm by the statistics of the batch, dropout on");
  app.add_option("--dump", o->dump, "Write what modules whose names match return")->type_name("REGEX");
  app.add_option("--dump-dir", o->dump_dir, "Folder of their NAME.npy")->type_name("DIR");
  add_device_flags(app, o->common);
  add_seed_flag(app, o->common);
  add_json_flag(app, o->common);
  return [o] { return run(*o); };
}

const RegisterVerb verb("forward", "Logits and activations of a raw array, without any preparation", set_up);

}  // namespace
}  // namespace engine::tools::forward_verb

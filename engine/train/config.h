// Every option of a training run: one table from which come the flags, the keys of --config files, the help, the
// record in the run folder and the hash that guards --resume.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"

namespace engine {

struct TrainConfig {
  // data
  std::string data;
  std::string image_column, group_column, split_column;  // csv:FILE; empty = the reader's own default
  std::vector<std::string> label_columns;
  double val_fraction = 0.1;
  std::int64_t workers = 1, prefetch = 4;
  bool balanced = false;
  std::string on_bad_image = "error";
  // pictures
  std::int64_t image_size = 0;  // 0: the model's usual size, or the pictures' own with pad
  std::int64_t channels = 0;    // 0: as the pictures have (or the weights want)
  std::int64_t resize_short = 0;
  bool random_crop = false;
  double crop_scale_min = 0.35;
  bool flip = false, vertical_flip = false;
  double rotate = 0.0;
  double jitter = 0.0;
  std::int64_t pad = 0;
  std::string normalize = "auto";
  // model
  std::string model;
  std::int64_t classes = 0;  // 0: as many as the data has
  std::string weights;
  std::string init = "he";
  std::optional<std::int64_t> init_seed;
  std::vector<std::string> freeze;
  std::vector<std::string> freeze_bn_stats;
  bool recompute = false;
  // optimisation
  std::int64_t epochs = 10;
  std::int64_t max_steps = 0;
  std::int64_t batch_size = 32;
  std::string optimizer = "sgd";
  double lr = 0.1;
  double momentum = 0.9, dampening = 0.0;
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, alpha = 0.99;
  double weight_decay = 1e-4;
  bool norm_decay = false;
  std::vector<std::string> lr_mult, group_weight_decay;
  std::string schedule = "cosine";
  std::string schedule_per = "step";
  double warmup_epochs = 0.0, warmup_factor = 0.01;
  double step_size = 30.0, gamma = 0.1;
  std::vector<double> milestones;
  double min_lr = 0.0;
  double plateau_factor = 0.1, plateau_threshold = 1e-4;
  std::int64_t plateau_patience = 10, plateau_cooldown = 0;
  double clip_grad_norm = 0.0;
  double ema_decay = 0.0;
  std::string precision = "f32";
  double loss_scale = 65536.0;
  double label_smoothing = 0.0;
  std::string class_weights = "none";
  std::string pos_weight = "none";
  // run
  std::string early_stop;
  std::string best_metric = "auto";
  std::int64_t save_every = 0, log_every = 50;
  std::int64_t seed = 42;
  std::string device = "cpu";
  std::string check_backend;
  std::int64_t every = 100;
  bool tf32 = false;
  std::string conv = "auto", matmul = "auto";
  std::string cuda_graph = "on";
  std::vector<std::string> kernel;
  std::int64_t threads = 0;
  double memory_limit = 0.0;
  std::string output_dir;
  bool resume = false;

  /// Where each value that is not a default came from: "file" or "flag".
  std::map<std::string, std::string> sources;

  /// Sets an option from JSON or from the text of a flag. Throws UsageError for an unknown name (with the nearest) or
  /// a value of the wrong kind.
  void set(const std::string& name, const nlohmann::json& value, const std::string& source);
  /// Reads a JSON file: keys are option names ("batch-size" or "batch_size"), flat, dotted ("optim.lr") or nested under
  /// the section they belong to. A config.json of a run folder works too. Throws UsageError naming file and key.
  void load_file(const std::filesystem::path& path);
  /// The same for JSON in memory; `name` stands for the file in messages.
  void load_text(std::string_view text, const std::string& name);
  /// Throws UsageError for values out of range or without sense together.
  void validate() const;

  /// {name: value}, all options in the order of the table.
  nlohmann::ordered_json to_json() const;
  /// {name: {"value": ..., "source": "default|file|flag"}}.
  nlohmann::ordered_json to_json_with_sources() const;
  /// Only what decides the numbers of the run: not where it is kept, how often it logs, how many threads load.
  nlohmann::ordered_json decisive() const;
  /// 64-bit FNV-1a of decisive(), in hexadecimal.
  std::string hash() const;

  DType compute_dtype() const;  ///< of activations
  OptimizerOptions optimizer_options() const;
  ScheduleOptions schedule_options() const;
};

struct ConfigOption {
  std::string name;     ///< flag without dashes, and key
  std::string section;  ///< heading in the help; optional prefix of the key
  std::string metavar;  ///< what stands for the value in the help: INT, NAME, DIR; empty for switches
  std::string help;
  enum class Kind : std::uint8_t { flag, value, list, repeated } kind;  ///< list: commas divide
  bool decisive;  ///< changes the numbers, so a resumed run must not change it
  std::function<nlohmann::json(const TrainConfig&)> get;
  std::function<void(TrainConfig&, const nlohmann::json&)> set;
};
const std::vector<ConfigOption>& config_options();

/// The options in which two decisive() records differ: "lr: 0.1 here, 0.05 in the checkpoint". One that the second
/// lacks has its default there: a checkpoint may be older than the option.
std::vector<std::string> config_differences(const nlohmann::json& here, const nlohmann::json& there);

/// "REGEX=NUMBER" -> both; the last '=' divides. Throws UsageError.
std::pair<std::string, double> parse_regex_number(const std::string& option, const std::string& text);

}  // namespace engine

// What a verb of the command line is. Each lives in a file of its own, tools/verb_NAME.cpp, and registers itself:
//
//   Action set_up(CLI::App& app) {
//     auto o = std::make_shared<Options>();
//     app.footer("Examples:\n  engine_train models --classes 14");
//     app.add_option("--classes", o->classes, "Number of classes")->capture_default_str();
//     add_device_flags(app, o->common);
//     return [o] { return run(*o); };
//   }
//   const RegisterVerb verb("models", "List the networks", set_up);
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/tensor/dtype.h"
#include "engine/tensor/error.h"

namespace engine::tools {

/// Does the work and says how it went.
using Action = std::function<ExitCode()>;

struct Verb {
  std::string name, summary;
  Action (*set_up)(CLI::App& app);  ///< declares the options; returns what runs after they were parsed
};

/// All verbs of the binary.
std::vector<Verb>& verbs();

struct RegisterVerb {
  RegisterVerb(std::string name, std::string summary, Action (*set_up)(CLI::App&)) {
    verbs().push_back({std::move(name), std::move(summary), set_up});
  }
};

/// Flags that mean the same everywhere.
struct Common {
  std::string device;  ///< empty: cpu
  int threads = 0;     ///< 0: one per core
  std::uint64_t seed = 42;
  bool quiet = false;
  std::string json;  ///< file, "-" for standard output, empty for none
  bool tf32 = false;
  std::string conv = "auto", matmul = "auto", decompositions = "auto";  ///< or "own", "library"
  std::vector<std::string> kernels;  ///< NAME=N each, see kernels/cuda/kernel_choice.h
};
/// --device, --threads, --quiet, --tf32, --conv, --matmul, --decompositions, --kernel.
void add_device_flags(CLI::App& app, Common& c);
/// --threads.
void add_threads_flag(CLI::App& app, Common& c);
/// --seed.
void add_seed_flag(CLI::App& app, Common& c);
/// --json FILE.
void add_json_flag(CLI::App& app, Common& c);

/// Registers the backends, sets the number of threads, and says on stderr (unless quiet) what was chosen. Throws
/// UsageError for an unknown device or kernel and DeviceError for one that is not here.
Device open_device(const Common& c);

/// Whether tables go to standard output: not when the JSON does.
inline bool prints_table(const Common& c) { return c.json != "-"; }
/// Adds "version", "device" and "command" to `body` and writes it where --json says (nowhere without it).
void write_json(const Common& c, nlohmann::json body);
/// The command line as it was typed.
const std::string& command_line();

}  // namespace engine::tools

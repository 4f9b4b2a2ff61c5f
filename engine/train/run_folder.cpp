#include "engine/train/run_folder.h"

#include <fmt/chrono.h>
#include <sys/utsname.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <thread>

#include "engine/data/csv.h"
#include "engine/tensor/error.h"
#include "kernels/backend.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

fs::path new_folder(fs::path path) {
  ensure_directory(path);
  require_no_run(path);
  return path;
}

std::uint64_t length_of(const nlohmann::json& lengths, const char* name) {
  return lengths.at(name).get<std::uint64_t>();
}

std::string number(double x) { return std::isnan(x) ? "nan" : fmt::format("{}", x); }

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace

void require_no_run(const fs::path& folder) {
  std::error_code none;
  if (fs::exists(folder / "metrics.csv", none))
    throw UsageError("{} holds a run already: go on with it (--resume), or choose another --output-dir",
                     folder.string());
}

RunFolder::RunFolder(fs::path path)
    : path_(new_folder(std::move(path))), log_(path_ / "log.txt"), metrics_(path_ / "metrics.csv"), events_(path_) {
  metrics_.append("step,epoch,split,metric,class,value,ci_lo,ci_hi\n");
}

RunFolder::RunFolder(fs::path path, const nlohmann::json& lengths)
    : path_(std::move(path)),
      log_(path_ / "log.txt"),
      metrics_(path_ / "metrics.csv", length_of(lengths, "metrics.csv")),
      events_(path_, length_of(lengths, "events")) {}

void RunFolder::metric(const MetricRow& r) {
  metrics_.append(fmt::format("{},{},{},{},{},{},{},{}\n", r.step, r.epoch, r.split, r.metric, csv_field(r.of_class),
                              number(r.value), std::isnan(r.low) ? "" : number(r.low),
                              std::isnan(r.high) ? "" : number(r.high)));
  scalar(r.split + "/" + r.metric + (r.of_class.empty() ? "" : "/" + r.of_class), r.step, r.value);
}

void RunFolder::scalar(const std::string& tag, std::int64_t step, double value) { events_.scalar(tag, step, value); }

void RunFolder::log(const std::string& text) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  log_.append(fmt::format("{:%F %T} {}\n", now, text));
}

void RunFolder::write_json(const std::string& name, const nlohmann::ordered_json& j) {
  atomic_write(file(name), j.dump(2) + "\n");
}

nlohmann::json RunFolder::sync() {
  metrics_.sync();
  return {{"metrics.csv", metrics_.size()}, {"events", events_.size()}};
}

nlohmann::ordered_json describe_environment(const TrainConfig& config) {
  utsname system{};
  uname(&system);
  nlohmann::ordered_json libraries = nlohmann::ordered_json::object();
  if (const auto device = device_named(config.device); device && has_backend(*device))
    for (const auto& [name, version] : backend_of(*device).libraries()) libraries[name] = version;
  return {{"engine_train", ENGINE_VERSION},
          {"source", ENGINE_SOURCE},
          {"cpu", cpu_name()},
          {"cores", std::thread::hardware_concurrency()},
          {"threads", config.threads},
          {"system", fmt::format("{} {} {}", system.sysname, system.release, system.machine)},
          {"compiler", __VERSION__},
          {"device", config.device},
          {"libraries", libraries},
          {"seed", config.seed}};
}

}  // namespace engine

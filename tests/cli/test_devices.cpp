// One training run on two devices: the CUDA kernels' own source, run on the CPU, must follow device cpu.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <sstream>

#include "engine/io/file.h"
#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;

namespace {

// step,epoch,split,metric,class,value,... -> value
std::map<std::string, double> figures(const std::string& run) {
  std::map<std::string, double> out;
  std::istringstream text(read_text(run + "/metrics.csv"));
  for (std::string line; std::getline(text, line);) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    if (cells.size() > 5 && (cells[3].ends_with("loss") || cells[3] == "gradient_norm" || cells[3] == "loss_scale" ||
                             cells[3] == "skipped_steps"))
      out[cells[0] + " " + cells[2] + " " + cells[3]] = std::stod(cells[5]);
  }
  return out;
}

}  // namespace

TEST_CASE("Mixed precision follows f32, keeps f32 weights, and skips the steps whose scaled gradients overflow") {
  const TemporaryFolder folder;
  const std::string eyes = folder / "eyes";
  expect_success({"synth", "fundus", "--out", eyes, "--count", "30", "--classes", "2", "--size", "64", "--quiet"});
  const auto run = [&](const std::string& name, const Arguments& more) {
    expect_success(Arguments{"train", "--data", "synth-fundus:" + eyes, "--image-size", "32", "--model", "cbr_tiny_1m"} +
                   Arguments{"--epochs", "1", "--batch-size", "4", "--max-steps", "3", "--lr", "0.01"} +
                   Arguments{"--device", "cuda-emulated", "--output-dir", folder / name, "--log-every", "1", "--quiet"} +
                   more);
    return figures(folder / name);
  };
  const auto truth = run("f32", {}), brain = run("bf16", {"--precision", "bf16"}),
             half = run("f16", {"--precision", "f16", "--loss-scale", "1024"});
  CHECK(half.size() == truth.size() + 6);  // loss scale and skipped steps, three times
  for (const auto& [what, value] : truth) {
    if (what.find("lr") != std::string::npos) continue;
    INFO(what);
    const double scale = std::max(std::abs(value), 0.1);
    CHECK(std::abs(brain.at(what) - value) <= 0.1 * scale);
    CHECK(std::abs(half.at(what) - value) <= 0.02 * scale);
    CHECK(brain.at(what) != half.at(what));
  }
  // The last scale there is: no gradient of these survives it in f16.
  const auto skipping = run("skipping", {"--precision", "f16", "--loss-scale", "16777216"});
  double skipped = 0, scale = 0;
  for (const auto& [what, value] : skipping) {
    if (what.find("skipped_steps") != std::string::npos) skipped = std::max(skipped, value);
    if (what.find("loss_scale") != std::string::npos) scale = std::max(scale, value);
  }
  CHECK(skipped == 3);
  CHECK(scale == 8388608);  // after the first
}

TEST_CASE("A run in f16 that is resumed amid its overflows ends in the bytes of one left alone") {
  const TemporaryFolder folder;
  const std::string eyes = folder / "eyes";
  expect_success({"synth", "fundus", "--out", eyes, "--count", "30", "--classes", "2", "--size", "64", "--quiet"});
  const auto run = [&](const std::string& name, const std::string& steps, const Arguments& more = {}) {
    expect_success(Arguments{"train", "--data", "synth-fundus:" + eyes, "--image-size", "32", "--model", "cbr_tiny_1m"} +
                   Arguments{"--epochs", "1", "--batch-size", "4", "--max-steps", steps, "--lr", "0.01"} +
                   Arguments{"--precision", "f16", "--loss-scale", "1048576", "--device", "cuda-emulated"} +
                   Arguments{"--output-dir", folder / name, "--log-every", "1", "--quiet"} + more);
  };
  run("whole", "5");
  run("parts", "2");
  run("parts", "5", {"--resume"});
  CHECK(read_text(folder / "whole/predictions_val.csv") == read_text(folder / "parts/predictions_val.csv"));
  // Some steps were skipped, and not all: both halves of the loss scale's state matter.
  const auto whole = figures(folder / "whole"), parts = figures(folder / "parts");
  double skipped = 0;
  for (const auto& [what, value] : whole) {
    INFO(what);
    if (what.ends_with("skipped_steps")) skipped = std::max(skipped, value);
    if (what.find(" train ") == std::string::npos || what.ends_with(" loss")) continue;
    CHECK(std::isnan(parts.at(what)) == std::isnan(value));  // the norm of gradients that overflowed
    if (!std::isnan(value)) CHECK(parts.at(what) == value);
  }
  CHECK(skipped > 0);
  CHECK(skipped < 5);
}

TEST_CASE("--check-backend compares steps of a run with another device, and only those it is told to") {
  const TemporaryFolder folder;
  const std::string eyes = folder / "eyes";
  expect_success({"synth", "fundus", "--out", eyes, "--count", "30", "--classes", "2", "--size", "64", "--quiet"});
  for (const auto& [device, other, bound] :
       {std::tuple("cuda-emulated", "cpu", 1e-4), std::tuple("cpu", "reference", 1e-4)}) {
    const std::string run = folder / device;
    const Result r =
        expect_success(Arguments{"train", "--data", "synth-fundus:" + eyes, "--image-size", "32", "--model", "cbr_tiny_1m"} +
                       Arguments{"--epochs", "1", "--batch-size", "4", "--max-steps", "3", "--lr", "0.01", "--device"} +
                       Arguments{device, "--check-backend", other, "--every", "2", "--output-dir", run});
    CHECK(r.err.find(std::string("step 0 against device ") + other + ": loss off by ") != std::string::npos);
    int found = 0;
    std::istringstream text(read_text(run + "/metrics.csv"));
    for (std::string line; std::getline(text, line);) {
      const std::size_t at = line.find(",check_gradients,,");
      if (at == std::string::npos) continue;
      INFO(line);
      CHECK((line.starts_with("0,") || line.starts_with("2,")));
      const double error = std::stod(line.substr(at + std::string(",check_gradients,,").size()));
      CHECK(error > 0.0);
      CHECK(error < bound);
      ++found;
    }
    CHECK(found == 2);
  }
}

TEST_CASE("A run on cuda-emulated follows one on cpu: losses, gradient norms, validation") {
  const TemporaryFolder folder;
  const std::string eyes = folder / "eyes";
  expect_success({"synth", "fundus", "--out", eyes, "--count", "30", "--classes", "2", "--size", "64", "--quiet"});
  std::map<std::string, double> found[2];
  for (const int i : {0, 1}) {
    const std::string device = i == 0 ? "cpu" : "cuda-emulated", output = folder / device;
    expect_success(Arguments{"train", "--data", "synth-fundus:" + eyes, "--image-size", "32", "--model", "cbr_tiny_1m"} +
                   Arguments{"--epochs", "1", "--batch-size", "4", "--max-steps", "3", "--lr", "0.01"} +
                   Arguments{"--device", device, "--output-dir", output, "--log-every", "1", "--quiet"});
    CHECK(read_json(output + "/env.json")["device"] == device);
    found[i] = figures(output);
  }
  // So does one with the first kernel of each ladder, which its record names.
  const std::string naive = folder / "naive";
  expect_success(Arguments{"train", "--data", "synth-fundus:" + eyes, "--image-size", "32", "--model", "cbr_tiny_1m"} +
                 Arguments{"--epochs", "1", "--batch-size", "4", "--max-steps", "3", "--lr", "0.01", "--device"} +
                 Arguments{"cuda-emulated", "--kernel", "conv2d=1", "--kernel", "batch_norm=1", "--kernel", "matmul=1"} +
                 Arguments{"--output-dir", naive, "--log-every", "1", "--quiet"});
  CHECK(read_json(naive + "/config.json")["kernel"]["value"] ==
        nlohmann::json({"conv2d=1", "batch_norm=1", "matmul=1"}));
  const auto stepped = figures(naive);
  CHECK(stepped != found[1]);  // other kernels, other last bits
  REQUIRE(found[0].size() >= 7);
  REQUIRE(found[0].size() == found[1].size());
  bool equal = true;
  for (const auto& [what, value] : found[0]) {
    INFO(what);
    CHECK(std::abs(found[1].at(what) - value) <= 1e-4 * std::abs(value));
    CHECK(std::abs(stepped.at(what) - value) <= 1e-4 * std::abs(value));
    equal = equal && found[1].at(what) == value;
  }
  CHECK_FALSE(equal);  // other kernels round otherwise; equal bits would mean that one device did all the work
}

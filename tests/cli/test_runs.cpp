// From data to metrics: train, eval, predict and inspect as a user types them.
#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;
namespace fs = std::filesystem;

namespace {

std::vector<std::vector<std::string>> csv_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    rows.emplace_back();
    for (std::string field; std::getline(fields, field, ',');) rows.back().push_back(field);
  }
  return rows;
}

// Every tensor of both files that is a weight or a buffer is the same, bit for bit.
bool same_weights(const std::string& a, const std::string& b) {
  const SafetensorsFile x(a), y(b);
  for (const auto& e : x.entries()) {
    if (e.name.starts_with("optim.")) continue;
    const auto& other = y.at(e.name);
    if (!std::equal(e.bytes.begin(), e.bytes.end(), other.bytes.begin(), other.bytes.end())) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("train fills a folder, prints the metrics' table, and says the rest on standard error") {
  const TemporaryFolder folder;
  const std::string data = FinishedRun::get().digits, run = folder / "run";
  Arguments command = train_command(data, run, 2);
  command.pop_back();  // --quiet
  const Result r = expect_success(command);
  CHECK(r.out.find("accuracy") != std::string::npos);
  CHECK(r.out.find("95% interval") != std::string::npos);
  CHECK(r.err.find("seed 42") != std::string::npos);
  CHECK(r.err.find("device: cpu, 1 threads") != std::string::npos);
  CHECK(r.err.find("\x1b[") == std::string::npos);  // no terminal, no escape sequences
  for (const char* name : {"config.json", "env.json", "metrics.csv", "summary.json", "state.json", "last.safetensors",
                           "best.safetensors", "predictions_test.csv", "log.txt", "init_report.txt"})
    CHECK_MESSAGE(fs::exists(fs::path(run) / name), name);
  const auto summary = read_json(run + "/summary.json");
  CHECK(summary["steps"] == 2);
  CHECK(summary["metrics"].contains("test"));
  CHECK(expect_success(train_command(data, folder / "again", 2)).err.empty());
  CHECK(same_weights(run + "/last.safetensors", folder / "again/last.safetensors"));
  const auto j = expect_json(train_command(data, folder / "third", 2));
  CHECK(j["metrics"] == summary["metrics"]);
}

TEST_CASE("eval repeats what training reported, from the run or from the weights alone") {
  const FinishedRun& done = FinishedRun::get();
  const auto by_run = expect_json({"eval", "--run", done.run, "--split", "test", "--threads", "1"});
  const auto by_weights =
      expect_json({"eval", "--weights", done.weights, "--data", "mnist:" + done.digits, "--threads", "1"});
  CHECK(by_run["metrics"] == by_weights["metrics"]);
  CHECK(by_run["metrics"] == read_json(done.run + "/summary.json")["metrics"]["test"]);
  CHECK(by_run["pictures"] == 40);
  CHECK(by_run["device"] == "cpu");
  CHECK(expect_success({"eval", "--run", done.run}).out.find("test: 40 pictures") != std::string::npos);
  const auto slow = expect_json({"eval", "--run", done.run, "--device", "reference", "--resamples", "0"});
  CHECK(slow["device"] == "reference");
}

TEST_CASE("predict writes a row for each picture, with probabilities that sum to one") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string csv = folder / "rows.csv";
  const Result r = expect_success({"predict", "--run", done.run, done.pictures, "--csv", csv});
  CHECK(r.out.empty());
  const auto rows = csv_rows(read_text(csv));
  REQUIRE(rows.size() == 7);
  CHECK(rows[0] == std::vector<std::string>{"path", "predicted", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
  CHECK(rows[1][0] == done.pictures + "/a/0.png");
  for (std::size_t i = 1; i < rows.size(); ++i) {
    REQUIRE(rows[i].size() == 12);
    double sum = 0.0;
    std::size_t top = 2;
    for (std::size_t c = 2; c < 12; ++c) {
      sum += std::stod(rows[i][c]);
      if (std::stod(rows[i][c]) > std::stod(rows[i][top])) top = c;
    }
    CHECK(std::fabs(sum - 1.0) < 1e-6);
    CHECK(rows[i][1] == rows[0][top]);
  }
  const std::string one = done.pictures + "/b/1.png";
  const auto alone = csv_rows(expect_success({"predict", "--weights", done.weights, one}).out).at(1);
  REQUIRE(alone.size() == 12);
  CHECK((alone[0] == rows[5][0] && alone[1] == rows[5][1]));
  // On some processors oneDNN computes one picture in another order than six.
  for (std::size_t c = 2; c < 12; ++c) CHECK(std::fabs(std::stod(alone[c]) - std::stod(rows[5][c])) < 1e-6);
  const auto j = expect_json({"predict", "--run", done.run, one});
  CHECK(j["predictions"].size() == 1);
  CHECK(j["predictions"][0]["predicted"] == rows[5][1]);
  expect_error({"predict", "--run", done.run, one, "--json", "-", "--csv", "-"}, 2, {"cannot share standard output"});
}

TEST_CASE("inspect tells of a model, of a file and of a run") {
  const FinishedRun& done = FinishedRun::get();
  const auto model = expect_json({"inspect", "resnet50", "--classes", "1000", "--input", "3x224x224"});
  CHECK(model["parameters_total"] == 25557032);
  CHECK(model["macs_total"] == 4089184256);  // as torchvision's documentation has it: 4.09 G
  CHECK(model["layers"].size() > 100);
  const auto file = expect_json({"inspect", done.weights});
  const auto run = expect_json({"inspect", done.run});
  CHECK(file["tensors"] == run["tensors"]);
  CHECK(file["parameters_total"] == 1079530);
  CHECK(file["model"] == "cbr_tiny_1m");
  CHECK(file["input"] == "1x32x32");
  CHECK(file["provenance"]["data"] == "mnist:" + done.digits);
  CHECK(expect_json({"inspect", "cbr_tiny_1m", "--classes", "10", "--input", "1x32x32"})["layers"] == file["layers"]);
  CHECK(expect_success({"inspect", done.run}).out.find("block1.conv.weight") != std::string::npos);
  const TemporaryFolder empty;
  fs::create_directories(empty / "run");
  expect_error({"inspect", empty / "run"}, 3, {empty / "run", "best.safetensors"});
  expect_error({"inspect", empty / "none.safetensors"}, 3, {"none.safetensors", "no such file"});
}

TEST_CASE("Flags win over the configuration file, and the folder records where each value came from") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string file = folder / "config.json", run = folder / "run";
  atomic_write(file, nlohmann::json{{"data", "mnist:" + done.digits},
                                    {"model", "cbr_tiny_1m"},
                                    {"pad", 2},
                                    {"flip", true},
                                    {"optim", {{"lr", 0.5}, {"batch_size", 8}, {"epochs", 1}}},
                                    {"schedule.gamma", 0.25}}
                         .dump());
  expect_success({"train", "--config", file, "--lr", "1e-3", "--no-flip", "--max-steps", "1", "--output-dir", run});
  const auto c = read_json(run + "/config.json");
  const auto is = [&](const char* name, const nlohmann::json& value, const char* source) {
    INFO(name << ": " << c[name].dump());
    CHECK(c[name]["value"] == value);
    CHECK(c[name]["source"] == source);
  };
  is("lr", 1e-3, "flag");
  is("flip", false, "flag");
  is("batch-size", 8, "file");
  is("gamma", 0.25, "file");
  is("momentum", 0.9, "default");
  is("seed", 42, "default");
  // The record is itself a configuration.
  expect_success({"train", "--config", run + "/config.json", "--output-dir", folder / "again"});
  CHECK(same_weights(run + "/last.safetensors", folder / "again/last.safetensors"));
}

TEST_CASE("--resume needs only the folder, and ends where a run that was never stopped does") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string whole = folder / "whole", parted = folder / "parted";
  expect_success(train_command(done.digits, whole, 4));
  expect_success(train_command(done.digits, parted, 1));
  CHECK_FALSE(same_weights(whole + "/last.safetensors", parted + "/last.safetensors"));
  expect_success(train_command(done.digits, parted, 2) + Arguments{"--resume"});
  expect_success({"train", "--output-dir", parted, "--resume", "--max-steps", "4"});
  CHECK(same_weights(whole + "/last.safetensors", parted + "/last.safetensors"));
  CHECK(read_text(whole + "/metrics.csv") == read_text(parted + "/metrics.csv"));
  // Without a limit it goes to the end: two epochs of 4 batches (72 of the 80 pictures are trained on).
  expect_success({"train", "--output-dir", parted, "--resume"});
  CHECK(read_json(parted + "/summary.json")["steps"] == 8);
}

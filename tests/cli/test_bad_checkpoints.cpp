// Weight files that are damaged, foreign or somebody else's, and disks that take no more.
#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/tensor/philox.h"
#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;
namespace fs = std::filesystem;

namespace {

// Every verb that reads weights must refuse the file with code 3.
void refused_everywhere(const std::string& file, const std::vector<std::string>& said) {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  std::vector<std::string> all = said;
  all.push_back(file);
  expect_error({"eval", "--weights", file}, 3, all);
  expect_error({"predict", "--weights", file, done.pictures}, 3, all);
  expect_error({"forward", "--weights", file, "--input", "x.npy", "--output", folder / "y.npy"}, 3, all);
  expect_error(train_command(done.digits, folder / "run", 1) + Arguments{"--weights", file}, 3, {file});
  CHECK_FALSE(fs::exists(folder / "run"));
}

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("Missing, truncated and random files") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string file = folder / "weights.safetensors";
  refused_everywhere(file, {"No such file"});
  const std::string whole = read_text(done.weights);
  for (const std::size_t keep :
       {whole.size() - 1, whole.size() / 2, std::size_t{300}, std::size_t{3}, std::size_t{0}}) {
    INFO("cut to " << keep << " bytes of " << whole.size());
    atomic_write(file, std::string_view(whole).substr(0, keep));
    const char* why = keep < 8 ? "too few for a safetensors file" : "truncated";
    refused_everywhere(file, {why});
    expect_error({"inspect", file}, 3, {file, why});
  }
  Random random(RandomKey(11, RandomStream::test));
  std::string bytes;
  for (int i = 0; i < 5000; ++i) bytes += static_cast<char>(random.below(256));
  atomic_write(file, bytes);
  refused_everywhere(file, {"not a safetensors file"});
}

TEST_CASE("Plain tensors are nobody's until --model says whose, and must then fit") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string file = folder / "foreign.safetensors";
  const std::vector<float> numbers(6);
  write_safetensors(file, {{"fc.weight", DType::f32, {3, 2}, std::as_bytes(std::span(numbers))}}, {{"format", "pt"}});
  expect_error({"predict", "--weights", file, done.pictures}, 3, {file, "no checkpoint of engine_train", "--model"});
  expect_error({"eval", "--weights", file}, 3, {file, "no checkpoint of engine_train"});
  expect_error({"forward", "--weights", file, "--input", "x.npy", "--output", "y.npy"}, 3, {file, "--model"});
  expect_error({"forward", "--weights", file, "--model", "resnet18", "--input", "x.npy", "--output", "y.npy"}, 3,
               {file, "expected weights of resnet18, found plain tensors without 'conv1.weight'"});
  expect_error({"forward", "--weights", file, "--model", "resnet81", "--input", "x.npy", "--output", "y.npy"}, 2,
               {"unknown model 'resnet81'"});
  const auto inspected = expect_json({"inspect", file});
  CHECK(inspected["parameters_total"] == 6);
}

TEST_CASE("Weights of another network are refused with what they are and what was wanted") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  expect_error({"predict", "--run", done.run, "--model", "resnet18", done.pictures}, 3,
               {"expected weights of resnet18, found those of cbr_tiny_1m"});
  Arguments train = train_command(done.digits, folder / "run", 1) + Arguments{"--weights", done.weights};
  train[4] = "resnet18";
  expect_error(train, 3, {done.weights, "expected weights of resnet18, found 'cbr_tiny_1m'", "'conv1.weight'"});
  train[4] = "cbr_tiny";
  expect_error(train, 3,
               {done.weights, "the file holds 'cbr_tiny_1m'", "'block1.conv.weight' expected f32[64, 1, 5, 5]",
                "found f32[32, 1, 5, 5]"});
  CHECK_FALSE(fs::exists(folder / "run"));
}

TEST_CASE("A run goes on only where there is one, and only as it was") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  const Arguments train = train_command(done.digits, run, 1);
  expect_error(train + Arguments{"--resume"}, 3, {run, "no last.safetensors to go on from"});
  expect_success(train);
  expect_error(train, 2, {run + " holds a run already", "--resume", "--output-dir"});
  expect_error(train + Arguments{"--resume", "--lr", "0.3"}, 3, {"lr: 0.3 here, 0.01 in the checkpoint"});
  Arguments other = train + Arguments{"--resume"};
  other[4] = "cbr_small";
  expect_error(other, 3, {"model: \"cbr_small\" here, \"cbr_tiny_1m\" in the checkpoint"});
  const std::string last = run + "/last.safetensors";
  const std::string whole = read_text(last);
  atomic_write(last, std::string_view(whole).substr(0, whole.size() / 2));
  expect_error(train + Arguments{"--resume"}, 3, {last, "truncated"});
}

TEST_CASE("A disk that fills while a checkpoint is saved leaves the old one, whole") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string run = folder / "run", last = run + "/last.safetensors";
  expect_success(train_command(done.digits, run, 1));
  const std::string before = read_text(last);
  const std::size_t files = files_in(run);
  const Arguments more = train_command(done.digits, run, 2) + Arguments{"--resume"};
  const Result r = test::run(more, 100000);
  INFO(transcript(more, r));
  CHECK(r.code == 1);
  CHECK(r.err.find("cannot write " + last) != std::string::npos);
  CHECK(r.err.find("File too large") != std::string::npos);
  CHECK(read_text(last) == before);
  CHECK(files_in(run) == files);
  expect_success(more);
  CHECK(read_text(last) != before);
}

TEST_CASE("Places where nothing can be written are named") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string file = folder / "file";
  atomic_write(file, "not a folder");
  expect_error(train_command(done.digits, file + "/run", 1), 1,
               {"cannot create folder " + file + "/run", "Not a directory"});
  expect_error(train_command(done.digits, file, 1), 1, {file});
  expect_error({"synth", "fundus", "--out", file + "/eyes", "--count", "2", "--size", "32"}, 1, {file + "/eyes"});
  expect_error({"predict", "--run", done.run, done.pictures, "--csv", file + "/rows.csv"}, 1, {file + "/rows.csv"});
  const Result r = test::run({"models", "--json", file + "/models.json"});
  CHECK(r.code == 1);
  CHECK(r.err.find(file + "/models.json") != std::string::npos);
  CHECK(read_text(file) == "not a folder");
}

// Checkpoints: what is written comes back, what does not fit is refused with its reason, a full disk keeps the old one.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>

#include "engine/nn/init.h"
#include "engine/train/checkpoint.h"
#include "engine/train/trainer.h"
#include "kernels/backend.h"
#include "models/registry.h"
#include "tests/train/support.h"

using namespace engine;
namespace fs = std::filesystem;

namespace {

const nlohmann::json meta{{"model", {{"name", "tiny"}}}, {"run", {{"step", 7}}}};

std::vector<std::vector<float>> contents(nn::Module& m) {
  std::vector<std::vector<float>> all;
  for (const NamedTensor& t : model_tensors(m)) all.push_back(to_vector<float>(t.value));
  return all;
}

// The error of loading `path` into `model`, or "" without one.
std::string error_of(const fs::path& path, nn::Module& model) {
  try {
    Checkpoint(path).load(model_tensors(model));
  } catch (const CheckpointError& e) {
    CHECK(e.exit_code() == ExitCode::data);
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Weights, buffers and metadata come back bit for bit, from blocked layouts too") {
  test::register_backends();
  const test::TemporaryFolder folder;
  const auto a = models::make_model("cbr_tiny_1m", {3, 1}), b = models::make_model("cbr_tiny_1m", {3, 1});
  nn::initialize(*a, nn::Scheme::he_normal, 1);
  const std::string path = folder / "a.safetensors";
  save_checkpoint(path, model_tensors(*a), meta);
  const Checkpoint c(path);
  c.load(model_tensors(*b));
  CHECK(contents(*a) == contents(*b));
  CHECK(c.get<int>("/run/step") == 7);
  CHECK_FALSE(c.has_ema());
  CHECK_THROWS_WITH_AS(c.get<int>("/run/epoch"), doctest::Contains("/run/epoch"), CheckpointError);
}

TEST_CASE("What is no checkpoint of this model is refused and says why") {
  test::register_backends();
  const test::TemporaryFolder folder;
  test::TinyNet model;
  const std::string good = folder / "good.safetensors", bad = folder / "bad.safetensors";
  save_checkpoint(good, model_tensors(model), meta);
  CHECK(error_of(good, model).empty());

  const auto bytes = read_file(good);
  for (const std::size_t keep : {std::size_t{0}, std::size_t{4}, std::size_t{100}, bytes.size() - 1}) {
    atomic_write(bad, std::string_view(reinterpret_cast<const char*>(bytes.data()), keep));
    CHECK(contains(error_of(bad, model), "bad.safetensors"));
  }
  atomic_write(bad, "this is a text, and long enough to hold a header of safetensors");
  CHECK_FALSE(error_of(bad, model).empty());
  write_safetensors(bad, {}, {{"format", "pt"}});
  CHECK(contains(error_of(bad, model), "no checkpoint of engine_train"));
  CHECK_FALSE(error_of(folder / "missing.safetensors", model).empty());

  const auto other = models::make_model("resnet18", {10, 3});
  const auto before = contents(*other);
  const std::string error = error_of(good, *other);
  CHECK(contains(error, "the file holds 'tiny'"));
  CHECK(contains(error, "of 102 tensors"));
  CHECK(contains(error, "'conv1.weight'"));
  CHECK(contents(*other) == before);
}

TEST_CASE("A disk that is full while saving leaves the old checkpoint and no litter") {
  test::register_backends();
  const test::TemporaryFolder folder;
  test::TinyNet model;
  const std::string path = folder / "last.safetensors";
  save_checkpoint(path, model_tensors(model), meta);
  const auto old = read_file(path);
  rlimit former{};
  getrlimit(RLIMIT_FSIZE, &former);
  rlimit tiny = former;
  tiny.rlim_cur = 256;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tiny);
  std::string error;
  try {
    backend_of(Device::cpu).fill_(model.parameters()[0]->variable.value(), 5.0);
    save_checkpoint(path, model_tensors(model), meta);
  } catch (const FileError& e) {
    error = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &former);
  std::signal(SIGXFSZ, handler);
  CHECK(contains(error, "last.safetensors"));
  CHECK(read_file(path) == old);
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("A run goes on only with its own configuration and data, and only in its own folder") {
  test::register_backends();
  const test::TemporaryFolder folder;
  test::write_digits(folder.path() / "data", 48, 16);
  TrainConfig c = test::small_config(folder.path() / "data", folder.path() / "run");
  c.max_steps = 2;
  train(c, true);
  CHECK_THROWS_WITH_AS(train(c, true), doctest::Contains("holds a run already"), UsageError);
  c.resume = true;
  c.lr = 0.5;
  CHECK_THROWS_WITH_AS(train(c, true), doctest::Contains("lr: 0.5 here, 0.02 in the checkpoint"), CheckpointError);
  c.lr = 0.02;
  c.workers = 0;  // does not decide the numbers
  c.max_steps = 3;
  CHECK(train(c, true).summary["steps"] == 3);
  test::write_digits(folder.path() / "data", 64, 16);
  CHECK_THROWS_WITH_AS(train(c, true), doctest::Contains("fingerprint"), CheckpointError);
  c.output_dir = folder / "nothing";
  CHECK_THROWS_AS(train(c, true), DataError);
}

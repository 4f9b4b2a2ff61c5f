// Raw arrays through a network: the logits, and what modules return on the way.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "engine/io/safetensors.h"
#include "engine/tensor/philox.h"
#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;
namespace fs = std::filesystem;

namespace {

struct Array {
  std::vector<float> values;
  Shape shape;
};

Array read(const std::string& path) {
  const NpyArray a = read_npy(path);
  CHECK(a.type == "f4");
  return {a.values<float>(), a.shape};
}

Array write_random(const std::string& path, const Shape& shape) {
  Random random(RandomKey(3, RandomStream::test));
  Array a{{}, shape};
  for (std::int64_t i = 0; i < shape.numel(); ++i) a.values.push_back(static_cast<float>(random.normal()));
  write_npy(path, a.values, shape);
  return a;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return INFINITY;
  double largest = 0.0, scale = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(d <= largest)) largest = d;  // NaN stays
    scale = std::max(scale, std::fabs(static_cast<double>(b[i])));
  }
  return largest / scale;
}

Arguments forward(const std::string& weights, const std::string& input, const std::string& output) {
  return {"forward", "--weights", weights, "--input", input, "--output", output, "--quiet"};
}

}  // namespace

TEST_CASE("Logits are those of the double-precision backend, from the run and from the file") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string x = folder / "x.npy";
  write_random(x, {3, 1, 32, 33});
  expect_success(forward(done.weights, x, folder / "y.npy"));
  const Array y = read(folder / "y.npy");
  CHECK(y.shape == Shape{3, 10});
  expect_success(forward(done.weights, x, folder / "slow.npy") + Arguments{"--device", "reference"});
  CHECK(difference(y.values, read(folder / "slow.npy").values) < 1e-4);
  expect_success({"forward", "--run", done.run, "--input", x, "--output", folder / "run.npy"});
  CHECK(read(folder / "run.npy").values == y.values);
}

TEST_CASE("Dumped activations are the network's own: the head on the pool gives the logits") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string x = folder / "x.npy", dump = folder / "activations";
  write_random(x, {2, 1, 32, 32});
  const auto j = expect_json(forward(done.weights, x, folder / "y.npy") +
                             Arguments{"--dump", "^block1\\.conv$|bn|pool$|fc", "--dump-dir", dump});
  CHECK(j["output_shape"] == nlohmann::json{2, 10});
  CHECK(j["activations"][0]["layer"] == "block1.conv");
  for (const char* name : {"block1.conv", "block1.bn", "block4.bn", "block2.pool", "pool", "fc"})
    CHECK_MESSAGE(fs::exists(fs::path(dump) / (std::string(name) + ".npy")), name);
  CHECK_FALSE(fs::exists(fs::path(dump) / "block2.conv.npy"));
  const Array y = read(folder / "y.npy"), pool = read(dump + "/pool.npy");
  CHECK(read(dump + "/fc.npy").values == y.values);
  REQUIRE(pool.shape == Shape{2, 256});
  CHECK(read(dump + "/block1.conv.npy").shape == Shape{2, 32, 32, 32});

  const SafetensorsFile file(done.weights);
  const auto w = file.values<double>("fc.weight"), b = file.values<double>("fc.bias");
  std::vector<float> expected;
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t c = 0; c < 10; ++c) {
      double sum = b[c];
      for (std::size_t k = 0; k < 256; ++k) sum += w[c * 256 + k] * static_cast<double>(pool.values[n * 256 + k]);
      expected.push_back(static_cast<float>(sum));
    }
  CHECK(difference(y.values, expected) < 1e-5);

  // The dump does not change the answer beyond what fusing the ReLU into the norm does.
  expect_success(forward(done.weights, x, folder / "plain.npy"));
  CHECK(difference(read(folder / "plain.npy").values, y.values) < 1e-5);
}

TEST_CASE("--training normalises with the batch's own statistics") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string x = folder / "x.npy", dump = folder / "activations";
  write_random(x, {4, 1, 32, 32});
  const Arguments command =
      forward(done.weights, x, folder / "y.npy") + Arguments{"--dump", "block1.bn", "--dump-dir", dump};
  const SafetensorsFile file(done.weights);
  const auto gamma = file.values<double>("block1.bn.weight"), beta = file.values<double>("block1.bn.bias");
  // Largest distance of a channel's mean from beta, and of its deviation from gamma.
  const auto distance = [&] {
    const Array a = read(dump + "/block1.bn.npy");
    double worst = 0.0;
    for (std::size_t c = 0; c < 32; ++c) {
      double sum = 0.0, squares = 0.0;
      for (std::size_t n = 0; n < 4; ++n)
        for (std::size_t i = 0; i < 1024; ++i) {
          const double v = a.values[(n * 32 + c) * 1024 + i];
          sum += v, squares += v * v;
        }
      const double mean = sum / 4096, deviation = std::sqrt(squares / 4096 - mean * mean);
      worst = std::max({worst, std::fabs(mean - beta[c]), std::fabs(deviation - std::fabs(gamma[c]))});
    }
    return worst;
  };
  expect_success(command + Arguments{"--training"});
  CHECK(distance() < 1e-3);
  expect_success(command);
  CHECK(distance() > 1e-2);
}

TEST_CASE("Plain tensors under torchvision's names run, and predict, when --model says whose they are") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string x = folder / "x.npy", plain = folder / "plain.safetensors";
  const SafetensorsFile file(done.weights);
  std::vector<NamedBytes> tensors;
  for (const auto& e : file.entries())
    if (!e.name.starts_with("optim.")) tensors.push_back({e.name, e.dtype, e.shape, e.bytes});
  const std::int64_t batches = 5;
  tensors.push_back({"block1.bn.num_batches_tracked", DType::i64, {}, std::as_bytes(std::span(&batches, 1))});
  write_safetensors(plain, tensors, {{"format", "pt"}});
  write_random(x, {2, 1, 32, 32});
  expect_success(forward(done.weights, x, folder / "a.npy"));
  expect_success(forward(plain, x, folder / "b.npy") + Arguments{"--model", "cbr_tiny_1m"});
  CHECK(read(folder / "a.npy").values == read(folder / "b.npy").values);

  const Arguments predict{"predict", "--weights", plain, "--model", "cbr_tiny_1m", done.pictures};
  expect_error(predict, 2, {plain, "--preprocess imagenet or none"});
  CHECK(expect_json(predict + Arguments{"--preprocess", "none"})["predictions"].size() == 6);
  // As a start for training, too.
  expect_success(train_command(done.digits, folder / "run", 1) + Arguments{"--weights", plain});
  CHECK(read_text(folder / "run/init_report.txt").find("plain tensors") != std::string::npos);
}

TEST_CASE("Arrays and expressions that do not fit are refused") {
  const FinishedRun& done = FinishedRun::get();
  const TemporaryFolder folder;
  const std::string x = folder / "x.npy", y = folder / "y.npy";
  expect_error(forward(done.weights, x, y), 3, {x, "No such file"});
  write_random(x, {2, 3, 32, 32});
  expect_error(forward(done.weights, x, y), 3, {x, "cbr_tiny_1m expects [N, 1, H, W], found [2, 3, 32, 32]"});
  write_random(x, {32, 32});
  expect_error(forward(done.weights, x, y), 3, {x, "found [32, 32]"});
  atomic_write(x, "no array");
  expect_error(forward(done.weights, x, y), 3, {x, "not a .npy array"});
  write_random(x, {1, 1, 4, 4});
  expect_error(forward(done.weights, x, y), 2, {"pool"});
  write_random(x, {1, 1, 32, 32});
  const auto dumped = [&](const char* regex) {
    return forward(done.weights, x, y) + Arguments{"--dump", regex, "--dump-dir", folder / "d"};
  };
  expect_error(dumped("("), 2, {"--dump", "'('", "regular expression"});
  expect_error(dumped("layer9"), 2, {"'layer9' matches no module", "block1.conv"});
  expect_error(forward(done.weights, x, y) + Arguments{"--dump", "fc"}, 2, {"--dump REGEX and --dump-dir DIR"});
  CHECK_FALSE(fs::exists(y));
}

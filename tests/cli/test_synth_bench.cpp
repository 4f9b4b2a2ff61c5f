// Synthetic data and measurements.
#include <doctest/doctest.h>

#include <map>
#include <sstream>

#include "engine/io/file.h"
#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;
namespace fs = std::filesystem;

namespace {

std::map<std::string, std::string> contents(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) all[fs::relative(entry.path(), folder).string()] = read_text(entry.path());
  return all;
}

}  // namespace

TEST_CASE("synth fundus writes the same bytes for the same seed, whatever the threads, and others for another") {
  const TemporaryFolder folder;
  const auto made = [&](const std::string& name, const Arguments& more) {
    expect_success(Arguments{"synth", "fundus", "--out", folder / name, "--count", "12", "--classes", "3", "--size",
                             "48", "--quiet"} +
                   more);
    return contents(folder / name);
  };
  const auto first = made("a", {"--threads", "1"});
  CHECK(first.size() == 15);
  CHECK(first.contains("labels.csv"));
  CHECK(first == made("b", {"--threads", "3", "--seed", "42"}));
  const auto other = made("c", {"--seed", "43"});
  CHECK(other.begin()->first == first.begin()->first);
  CHECK(other != first);

  expect_success({"train", "--data", "synth-fundus:" + folder / "a", "--model", "cbr_tiny_1m", "--image-size", "40",
                  "--batch-size", "4", "--max-steps", "1", "--quiet", "--output-dir", folder / "run"});
  CHECK(read_json(folder / "run/summary.json")["steps"] == 1);
  expect_error({"synth", "fundus", "--out", folder / "d", "--classes", "6"}, 2, {"classes", "6"});
  expect_error({"synth", "fundus", "--out", folder / "d", "--size", "8"}, 2, {"size", "8"});
}

TEST_CASE("bench step measures what scripts ask for") {
  const auto j = expect_json({"bench", "step", "--model", "cbr_tiny_1m", "--classes", "3", "--batch", "2", "--input",
                              "1x32x32", "--steps", "3", "--warmup", "1", "--threads", "2"});
  CHECK(j["images_per_second"].get<double>() > 0.0);
  CHECK(j["peak_bytes"].get<std::int64_t>() > 1 << 20);
  CHECK(j["seconds"].size() == 3);
  CHECK(j["images_per_second"].get<double>() == doctest::Approx(2.0 / j["median_seconds"].get<double>()));
  CHECK(j["ops"].size() > 3);
  const Result r = expect_success({"bench", "step", "--model", "cbr_tiny_1m", "--batch", "2", "--input", "1x32x32",
                                   "--steps", "1", "--warmup", "0", "--quiet"});
  CHECK(r.out.find("images/s") != std::string::npos);
  CHECK(r.err.empty());
}

TEST_CASE("bench launches counts what a step asks of a GPU, whatever its size") {
  const auto count = [](const std::string& batch, const std::string& precision) {
    return expect_json({"bench", "launches", "--model", "resnet18", "--classes", "3", "--batch", batch, "--input",
                        "3x64x64", "--precision", precision});
  };
  const auto one = count("8", "f32"), two = count("16", "f32"), half = count("16", "bf16");
  const auto figure = [](const nlohmann::json& j, const std::string& op, const std::string& what) {
    for (const auto& row : j["ops"])
      if (row["op"] == op) return row[what].get<double>();
    return -1.0;
  };
  const auto of_kernel = [](const nlohmann::json& j, const std::string& op, const std::string& kernel,
                            const std::string& what) {
    double sum = 0;
    for (const auto& row : j["kernels"])
      if ((op.empty() || row["op"] == op) && row["kernel"] == kernel) sum += row[what].get<double>();
    return sum;
  };
  // 20 convolutions, and two operations for each multiply-accumulate that `inspect` counts.
  CHECK(figure(one, "conv2d", "calls") == 20);
  CHECK(figure(one, "conv2d_backward", "calls") == 20);
  const auto layers = expect_json({"inspect", "resnet18", "--classes", "3", "--input", "3x64x64"});
  const double macs = layers["macs_total"].get<double>();
  // The head's product forward; its two backward are as large each.
  const double products = of_kernel(one, "conv2d", "gemm_kernel", "flops") + of_kernel(one, "matmul", "gemm_kernel", "flops") / 3;
  CHECK(products == doctest::Approx(2.0 * 8.0 * macs).epsilon(1e-6));
  CHECK(of_kernel(two, "conv2d", "gemm_kernel", "flops") == doctest::Approx(2.0 * of_kernel(one, "conv2d", "gemm_kernel", "flops")));
  // Activations are half as large; sums and statistics stay f32.
  for (const char* op : {"batch_norm_train", "batch_norm_train_backward", "max_pool2d"}) {
    CAPTURE(op);
    const double share = figure(half, op, "bytes") / figure(two, op, "bytes");
    CHECK(share >= 0.49);
    CHECK(share < 0.7);
  }
  CHECK(half["total"]["bytes"].get<double>() < two["total"]["bytes"].get<double>());
  CHECK(one["total"]["launches"].get<int>() > 100);
}

TEST_CASE("bench kernels checks every step of a ladder on cuda-emulated, and shows what each declares") {
  const TemporaryFolder folder;
  const auto j = expect_json({"bench", "kernels", "matmul", "--device", "cuda-emulated", "--csv", folder / "rows.csv"});
  CHECK(j["ok"] == true);
  std::vector<std::string> variants;
  for (const auto& row : j["kernels"]) {
    if (row["config"] != "[1024, 1024] *[1024, 1024]" || row["backward"] == true) continue;
    variants.push_back(row["variant"]);
    CHECK(row["step"] == variants.size());
    CHECK(row["bytes"] == 12582912.0);
    CHECK(row["flops"] == 2.0 * (1 << 30));
    CHECK(row["warm_seconds"].is_null());  // an emulation's times mean nothing
  }
  CHECK(variants == std::vector<std::string>{"naive", "shared tiles", "register tiles", "own"});
  CHECK(read_text(folder / "rows.csv").find(",2,shared tiles,0,,,,2.14748365e+09,12582912,1,\n") != std::string::npos);

  const auto one = expect_json({"bench", "kernels", "matmul", "--device", "cuda-emulated", "--kernel", "matmul=2"});
  CHECK(one["kernels"].size() == 4);  // two sizes, forward and with backward
  for (const auto& row : one["kernels"]) CHECK(row["variant"] == "shared tiles");
}

TEST_CASE("bench kernels takes 16-bit types, where a device computes in them") {
  const Arguments bench{"bench", "kernels", "matmul", "--device", "cuda-emulated", "--kernel", "matmul=3"};
  const auto wide = expect_json(bench), narrow = expect_json(bench + Arguments{"--precision", "bf16"});
  CHECK(narrow["precision"] == "bf16");
  CHECK(narrow["ok"] == true);
  REQUIRE(narrow["kernels"].size() == wide["kernels"].size());
  for (std::size_t i = 0; i < wide["kernels"].size(); ++i) {
    CHECK(narrow["kernels"][i]["flops"] == wide["kernels"][i]["flops"]);
    CHECK(2.0 * narrow["kernels"][i]["bytes"].get<double>() == wide["kernels"][i]["bytes"].get<double>());
  }
  expect_error({"bench", "kernels", "matmul", "--precision", "f16"}, 2, {"device cpu computes in f32", "f16"});
  expect_error({"bench", "kernels", "svd", "--device", "cuda-emulated", "--precision", "f16"}, 2,
               {"no case of f16 has 'svd' in its name"});
}

TEST_CASE("docs/ladder/batch_norm.md says what bench kernels prints") {
  const std::string page = read_text(std::string(SOURCE_DIR) + "/docs/ladder/batch_norm.md");
  std::istringstream lines(expect_success({"bench", "kernels", "batch_norm_train", "--device", "cuda-emulated"}).out);
  int found = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("[8, 64, 112, 112]") == std::string::npos || line.find(" forward ") == std::string::npos) continue;
    CHECK_MESSAGE(page.find(line + "\n") != std::string::npos, "docs/ladder/batch_norm.md lacks:\n" << line);
    ++found;
  }
  CHECK(found == 5);
}

TEST_CASE("bench kernels times the one way that a CPU has") {
  const auto j = expect_json({"bench", "kernels", "layer_norm", "--seconds", "0.001"});
  CHECK(j["kernels"].size() == 2);
  const auto wide = expect_json({"bench", "kernels", "accumulate_covariance_", "--seconds", "0.001"});
  CHECK(wide["ok"] == true);  // with inputs that are f64 whatever is tested
  CHECK(wide["kernels"].size() == 2);
  for (const auto& row : j["kernels"]) {
    CHECK(row["variant"] == "-");
    CHECK(row["step"].is_null());
    CHECK(row["cold_seconds"].get<double>() > 0.0);
  }
}

TEST_CASE("docs/step_traffic.md says what bench launches prints") {
  const Result r = expect_success({"bench", "launches", "--model", "resnet50", "--batch", "64", "--precision", "bf16"});
  const std::string page = read_text(std::string(SOURCE_DIR) + "/docs/step_traffic.md");
  const std::string table = r.out.substr(r.out.find("\n\n") + 2);
  CHECK_MESSAGE(page.find(table) != std::string::npos, "docs/step_traffic.md is not up to date:\n" << r.out);
}

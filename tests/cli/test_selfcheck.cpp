// engine_train selfcheck: what it compares, and in which types.
#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;

TEST_CASE("selfcheck checks the cases that are asked for, in each type that is asked for") {
  const TemporaryFolder folder;
  const std::string json = folder / "check.json";
  const Result r = expect_success({"selfcheck", "--filter", "^(softmax|accumulate_covariance_)$", "--device",
                                   "cuda-emulated", "--dtype", "bf16", "f16", "--quick", "--json", json});
  CHECK(r.err.find("2 of 2: softmax") != std::string::npos);
  const auto found = nlohmann::json::parse(read_text(json));
  CHECK(found["ok"] == true);
  REQUIRE(found["cases"].size() == 4);
  for (const auto& row : found["cases"]) {
    CHECK(row["ok"] == true);
    CHECK(row["comparisons"] > 0);
    CHECK(row["worst"] > 0.0);  // roundings were seen
  }
  CHECK(found["cases"][0]["dtype"] == "bf16");
  CHECK(found["cases"][1]["dtype"] == "f16");
  CHECK(found["training"].empty());
}

TEST_CASE("selfcheck trains beside another device: losses and weights") {
  const TemporaryFolder folder;
  const std::string json = folder / "check.json";
  expect_success({"selfcheck", "--training", "--quiet", "--json", json});
  const auto found = nlohmann::json::parse(read_text(json));
  REQUIRE(found["training"].size() == 1);
  const auto& row = found["training"][0];
  CHECK(row["model"] == "cbr_tiny_1m");
  CHECK(row["steps"] == 10);
  CHECK(row["same_bits"] == true);
  CHECK(row["loss"] > 0.0);
  CHECK(row["weights"] > 0.0);
}

TEST_CASE("selfcheck refuses what a device cannot be asked") {
  expect_error({"selfcheck", "--dtype", "i64"}, 2, {"--dtype", "f32, f16, bf16 or f64", "'i64'"});
  expect_error({"selfcheck", "--dtype", "f16"}, 2, {"device cpu does not compute in f16"});
  expect_error({"selfcheck", "--dtype", "f64", "--device", "cuda-emulated"}, 2, {"does not compute in f64"});
  expect_error({"selfcheck", "--training", "--device", "reference"}, 2, {"device reference is what others are compared"});
  expect_error({"selfcheck", "--training", "--quick"}, 2, {"--quick"});
  expect_error({"selfcheck", "--filter", "sotfmax"}, 2, {"'sotfmax' matches no case"});
}

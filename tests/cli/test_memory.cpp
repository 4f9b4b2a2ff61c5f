// A step that is too large for the memory it is allowed says how large it may be.
#include <doctest/doctest.h>

#include <regex>

#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;

namespace {

// Trains one step with a batch that does not fit, and returns the one it is told to take.
int told_batch(const Arguments& command, int refused) {
  const Result r = run(command + Arguments{"--batch-size", std::to_string(refused)});
  CHECK(r.code == 1);
  CHECK(r.out.empty());
  INFO(r.err);
  for (const char* said : {"out of memory: asked for ", " in use (peak ", "limit ", "in step 0 with ", "--recompute"})
    CHECK(r.err.find(said) != std::string::npos);
  std::smatch m;
  REQUIRE(std::regex_search(r.err, m, std::regex(R"(fit is (\d+) \(--batch-size (\d+)\))")));
  CHECK(m[1] == m[2]);
  return std::stoi(m[1]);
}

}  // namespace

TEST_CASE("A step beyond the memory limit names the largest batch that fits: it does, a larger one does not") {
  const TemporaryFolder folder;
  write_digits(folder / "digits", 200, 20);
  for (const auto& [device, limit, refused] : {std::tuple("cpu", "0.06", 160), std::tuple("cuda-emulated", "0.025", 24)}) {
    CAPTURE(device);
    int runs = 0;
    const auto command = [&] {
      return Arguments{"train", "--data", "mnist:" + folder / "digits", "--model", "cbr_tiny_1m", "--pad", "2"} +
             Arguments{"--epochs", "1", "--max-steps", "1", "--device", device, "--memory-limit", limit, "--quiet"} +
             Arguments{"--output-dir", folder / (std::string(device) + std::to_string(runs++))};
    };
    const int fits = told_batch(command(), refused);
    CHECK(fits > 0);
    CHECK(fits < refused);
    if (std::string(device) == "cpu") expect_success(command() + Arguments{"--batch-size", std::to_string(fits)});
    const int beyond = fits + refused / 16 + 1;
    if (beyond < refused) CHECK(told_batch(command(), beyond) < beyond);
  }
}

TEST_CASE("A step of which not even one picture fits says so") {
  const TemporaryFolder folder;
  write_digits(folder / "digits", 64, 20);
  expect_error(Arguments{"train", "--data", "mnist:" + folder / "digits", "--model", "cbr_tiny_1m", "--pad", "2"} +
                   Arguments{"--max-steps", "1", "--memory-limit", "0.017", "--output-dir", folder / "run", "--quiet"},
               1, {"out of memory", "not even one picture fits"});
}

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
  REQUIRE(std::regex_search(r.err, m, std::regex(R"((\d+) were found to fit: try --batch-size (\d+))")));
  CHECK(std::stoi(m[2]) <= std::stoi(m[1]));
  CHECK(std::stoi(m[1]) < refused);
  return std::stoi(m[2]);
}

}  // namespace

TEST_CASE("A step beyond the memory limit names a batch that fits: it does, one half as large again does not") {
  const TemporaryFolder folder;
  write_digits(folder / "digits", 1400, 20);
  int runs = 0;
  const auto command = [&] {
    return Arguments{"train", "--data", "mnist:" + folder / "digits", "--model", "cbr_tiny_1m", "--pad", "2"} +
           Arguments{"--epochs", "1", "--max-steps", "1", "--memory-limit", "0.3", "--quiet"} +
           Arguments{"--output-dir", folder / std::to_string(runs++)};
  };
  const int fits = told_batch(command(), 1200);
  CHECK(fits > 0);
  expect_success(command() + Arguments{"--batch-size", std::to_string(fits)});
  CHECK(told_batch(command(), fits + fits / 2) < fits + fits / 2);
}

TEST_CASE("A run that is compared with another backend names a batch that fits, too") {
  const TemporaryFolder folder;
  write_digits(folder / "digits", 1400, 20);
  CHECK(told_batch({"train", "--data", "mnist:" + folder / "digits", "--model", "cbr_tiny_1m", "--pad", "2", "--epochs", "1",
                    "--max-steps", "1", "--memory-limit", "0.3", "--check-backend", "reference", "--every", "1", "--quiet",
                    "--output-dir", folder / "run"},
                   1200) > 0);
}

TEST_CASE("A batch that finds no room on the device says so, too") {
  const TemporaryFolder folder;
  write_class_folders(folder / "pictures", 12);
  // 29 MiB a picture, before anything is computed.
  expect_error({"train", "--data", "folder:" + folder / "pictures", "--model", "cbr_tiny_1m", "--image-size", "1600",
                "--epochs", "1", "--batch-size", "8", "--memory-limit", "0.2", "--quiet", "--output-dir", folder / "run"},
               1, {"out of memory: asked for ", "in step 0 with 8 pictures", "--recompute"});
}

TEST_CASE("A limit below what a single picture takes says that no batch will do") {
  const TemporaryFolder folder;
  // The first convolution gives 64 maps of 428 x 428: 45 MiB a picture.
  expect_error({"train", "--data", "mnist:" + FinishedRun::get().digits, "--model", "cbr_tiny_1m", "--pad", "200",
                "--epochs", "1", "--batch-size", "2", "--memory-limit", "0.03", "--quiet", "--output-dir", folder / "run"},
               1, {"out of memory: asked for ", "in step 0 with 2 pictures", "not even one picture fits", "--recompute"});
}

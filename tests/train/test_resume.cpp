// A run killed with SIGKILL at random moments and resumed must end in the same bytes as one left alone.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <random>
#include <thread>

#include "tests/train/support.h"

using namespace engine;
namespace fs = std::filesystem;

namespace {

constexpr const char* compared[] = {"metrics.csv",          "last.safetensors", "best.safetensors",
                                    "predictions_test.csv", "predictions_val.csv", "summary.json"};

pid_t start(const std::vector<std::string>& arguments) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child > 0) return child;
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::vector<std::string> command(const fs::path& data, const fs::path& output, int workers) {
  return {ENGINE_TRAIN_BINARY, "train", "--data", "mnist:" + data.string(), "--model", "cbr_tiny_1m", "--pad", "2",
          "--epochs", "3", "--batch-size", "16", "--lr", "0.02", "--optimizer", "adamw", "--ema-decay", "0.9",
          "--flip", "--rotate", "10", "--warmup-epochs", "1", "--clip-grad-norm", "1", "--save-every", "3",
          "--log-every", "1", "--threads", "1", "--workers", std::to_string(workers), "--quiet", "--output-dir",
          output.string()};
}

void check_equal(const fs::path& a, const fs::path& b) {
  for (const char* name : compared) {
    INFO(name);
    CHECK(read_file(a / name) == read_file(b / name));
  }
}

// Where the run stands: the number of rows it has written.
std::uint64_t progress_of(const fs::path& run) {
  std::error_code none;
  const auto size = fs::file_size(run / "metrics.csv", none);
  return none ? 0 : size;
}

}  // namespace

TEST_CASE("Ten kills, ten resumes: the same weights, metrics and predictions, byte for byte") {
  const test::TemporaryFolder folder;
  test::write_digits(folder.path() / "data", 240, 64);
  const fs::path whole = folder.path() / "whole", killed = folder.path() / "killed";
  REQUIRE(wait_for(start(command(folder.path() / "data", whole, 1))) == 0);
  const std::uint64_t end = progress_of(whole);

  const auto seed = std::random_device{}();
  std::cerr << "seed of the kills: " << seed << '\n';
  std::mt19937 random(seed);
  int kills = 0;
  for (int attempt = 0; attempt < 60 && kills < 10; ++attempt) {
    auto run = command(folder.path() / "data", killed, attempt % 3);
    if (fs::exists(killed / "last.safetensors"))
      run.push_back("--resume");
    else
      fs::remove_all(killed);
    const pid_t child = start(run);
    // Kill once the run has come a random way further, so that it gets somewhere at all.
    const std::uint64_t from = progress_of(killed), goal = from + random() % (end / 14 + 1);
    while (progress_of(killed) < goal && waitpid(child, nullptr, WNOHANG) == 0)
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 8000));
    if (kill(child, SIGKILL) == 0) ++kills;
    wait_for(child);
  }
  CHECK(kills == 10);
  auto run = command(folder.path() / "data", killed, 2);
  REQUIRE(fs::exists(killed / "last.safetensors"));
  run.push_back("--resume");
  REQUIRE(wait_for(start(run)) == 0);
  check_equal(whole, killed);
}

TEST_CASE("The same bytes run to run and for 0, 1 and 2 loader workers") {
  const test::TemporaryFolder folder;
  test::write_digits(folder.path() / "data", 96, 32);
  const int workers[] = {1, 1, 0, 2};
  for (int i = 0; i < 4; ++i)
    REQUIRE(wait_for(start(command(folder.path() / "data", folder.path() / std::to_string(i), workers[i]))) == 0);
  for (int i = 1; i < 4; ++i) check_equal(folder.path() / "0", folder.path() / std::to_string(i));
}

TEST_CASE("SIGINT saves after the step and exits with 130; the resumed run ends in the same bytes") {
  const test::TemporaryFolder folder;
  test::write_digits(folder.path() / "data", 240, 64);
  const fs::path whole = folder.path() / "whole", broken = folder.path() / "broken";
  REQUIRE(wait_for(start(command(folder.path() / "data", whole, 1))) == 0);
  auto run = command(folder.path() / "data", broken, 1);
  const pid_t child = start(run);
  while (progress_of(broken) < progress_of(whole) / 4) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(child, SIGINT);
  CHECK(wait_for(child) == 130);
  run.push_back("--resume");
  REQUIRE(wait_for(start(run)) == 0);
  check_equal(whole, broken);
}

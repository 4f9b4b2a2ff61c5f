// Runs that end otherwise than planned: numbers that overflow, an interrupt from the keyboard.
#include <doctest/doctest.h>

#include <csignal>
#include <regex>
#include <thread>

#include "engine/io/file.h"
#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;
namespace fs = std::filesystem;

TEST_CASE("A run whose numbers overflow ends with code 4 and names operation, layer and step") {
  const TemporaryFolder folder;
  const auto diverged = [&](const std::string& rate, const std::string& where) {
    const Arguments command =
        train_command(FinishedRun::get().digits, folder / rate, 8) + Arguments{"--lr", rate, "--schedule", "constant"};
    const Result r = run(command);
    INFO(transcript(command, r));
    CHECK(r.code == 4);
    CHECK(r.out.empty());
    CHECK(std::regex_search(r.err, std::regex("step 1: operation " + where)));
  };
  diverged("1e38", "conv2d of layer 'block1.conv' gave NaN or Inf in f32");
  // Weights of 1e28 give activations that are finite and whose variance is not: the norm's result does not show it.
  diverged("1e30", "batch_norm_train of layer 'block1.bn' gave NaN or Inf in buffer 'block1.bn.running_var'");
}

TEST_CASE("SIGINT saves, says how to go on, and exits with 130; the run can be resumed") {
  const TemporaryFolder folder;
  const std::string output = folder / "run";
  Arguments command = train_command(FinishedRun::get().digits, output, 0);
  command.pop_back();  // --quiet
  command = command + Arguments{"--epochs", "100000", "--log-every", "1"};
  Process training(command);
  const auto steps = [&] {
    std::error_code none;
    const auto size = fs::file_size(output + "/metrics.csv", none);
    return none ? 0 : size;
  };
  while (training.running() && steps() < 500) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  training.send(SIGINT);
  const Result r = training.wait();
  INFO(transcript(command, r));
  CHECK(r.code == 130);
  CHECK(r.out.empty());
  CHECK(r.err.find("interrupted and saved at step") != std::string::npos);
  CHECK(r.err.find("--resume") != std::string::npos);
  const auto state = read_json(output + "/state.json");
  CHECK(state["status"] == "interrupted");
  const auto done = state["step"].get<std::int64_t>();
  CHECK(done > 0);
  expect_success({"train", "--output-dir", output, "--resume", "--max-steps", std::to_string(done + 2), "--quiet"});
  CHECK(read_json(output + "/summary.json")["steps"] == done + 2);
}

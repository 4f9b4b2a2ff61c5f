// oneDNN, OpenBLAS and our own loops could each bring a pool of their own; a process with more threads than it was given
// fights itself for the cores.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "tests/cli/support.h"

using namespace engine;
using namespace engine::test;

TEST_CASE("A run has as many threads as --threads says, whoever computes, and the workers of its loaders") {
  const TemporaryFolder folder;
  for (const int threads : {1, 3})
    for (const int workers : {0, 2}) {
      const std::string output = folder / (std::to_string(threads) + "_" + std::to_string(workers));
      Arguments command = train_command(FinishedRun::get().digits, output, 20);
      *(std::find(command.begin(), command.end(), "--threads") + 1) = std::to_string(threads);
      command = command + Arguments{"--workers", std::to_string(workers)};
      Process training(command);
      // A worker that was joined may be counted for a moment more; whatever is too much stays.
      std::array<int, 3> latest{};
      int most = 0, lasting = 0;
      for (std::size_t i = 0; training.running(); ++i) {
        latest[i % latest.size()] = training.threads();
        most = std::max(most, latest[i % latest.size()]);
        lasting = std::max(lasting, *std::min_element(latest.begin(), latest.end()));
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      const Result r = training.wait();
      INFO(transcript(command, r));
      CHECK(r.code == 0);
      // Training and validation have a loader each; while one works the other sleeps.
      CHECK(most >= threads + 2 * workers);
      CHECK(lasting <= threads + 2 * workers);
    }
}

// docs/ladder quotes the table of kernels' resources; a page that was left behind would mislead.
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <regex>
#include <string>

#include "tests/architecture/read.h"

using engine::architecture::read;

TEST_CASE("Registers, shared memory and occupancy on the ladder's pages are those of resources.csv for sm_80") {
  const std::string root = SOURCE_DIR;
  const std::string table = read(root + "/tests/cuda_resources/resources.csv");
  const std::regex row(R"(\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) B \| (\d+) % \|)");
  for (const char* name : {"gemm", "batch_norm", "convolution"}) {
    const std::string page = read(root + "/docs/ladder/" + name + ".md");
    int rows = 0;
    for (std::sregex_iterator i(page.begin(), page.end(), row), end; i != end; ++i, ++rows) {
      const std::smatch& m = *i;
      // kernel, architecture, threads, registers, shared memory, stack, occupancy
      const std::string line =
          fmt::format("\n{},80,{},{},{},0,{}\n", m[1].str(), m[2].str(), m[3].str(), m[4].str(), m[5].str());
      CHECK_MESSAGE(table.find(line) != std::string::npos, name << ".md: resources.csv lacks" << line);
    }
    CHECK(rows >= 4);
  }
}

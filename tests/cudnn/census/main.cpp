// test_cudnn_census [--write]: plans the convolutions of all models on five described GPUs and compares with
// tests/cudnn/census.csv. --write makes the table anew: look at the difference.
#include <fmt/core.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <set>

#include "engine/tensor/error.h"
#include "tests/cudnn/census/table.h"
#include "tests/cudnn/installed.h"

namespace engine::test {
namespace {

constexpr const char* table_path = SOURCE_DIR "/tests/cudnn/census.csv";
constexpr std::int64_t batch = 8;

bool asked_to_write(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (std::string(argv[i]) != "--write") throw UsageError("unknown flag {} (--write)", argv[i]);
  return argc > 1;
}

std::vector<std::string> read_lines() {
  std::ifstream in(table_path);
  if (!in) throw FileError("cannot read {}; test_cudnn_census --write makes it", table_path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  if (lines.empty()) throw FileError("{} is empty", table_path);
  return lines;
}

void write_lines(const std::string& head, const std::vector<std::string>& lines) {
  std::ofstream out(table_path);
  out << head << '\n';
  for (const std::string& line : lines) out << line << '\n';
  if (!out.flush()) throw FileError("cannot write {}", table_path);
}

// Prints what differs, at most as much as anybody reads.
int differences(const std::vector<std::string>& table, const std::vector<std::string>& found) {
  const std::set<std::string> expected(table.begin() + 1, table.end()), present(found.begin(), found.end());
  int n = 0;
  const auto report = [&](const char* what, const std::string& line) {
    if (++n <= 20) std::cout << what << line << '\n';
  };
  for (const std::string& line : found)
    if (!expected.contains(line)) report("FAILED not in the table: ", line);
  for (const std::string& line : expected)
    if (!present.contains(line)) report("FAILED only in the table: ", line);
  return n;
}

int run(bool write) {
  const gpu::cudnn::Api* api = installed_cudnn("the census of cuDNN's plans");
  if (!api) return 0;
  const std::string head = census_head(*api);
  std::vector<std::string> table;
  if (!write && (table = read_lines()).front() != head) {
    std::cout << fmt::format("SKIPPED the census of cuDNN's plans: the table holds for '{}', this is '{}'\n",
                             table.front(), head);
    return 0;
  }
  const auto start = std::chrono::steady_clock::now();
  const std::vector<Convolution> all = convolutions_of_all_models(batch);
  CensusCounts counts;
  const std::vector<std::string> lines = census_lines(*api, all, counts);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  for (const std::string& reason : counts.reasons) std::cout << reason << '\n';
  std::cout << fmt::format("{} convolutions, {} problems: {} without a plan; {} first choices are not "
                           "deterministic, for {} of them nothing is; workspace up to {:.1f} MiB; {:.1f} s\n",
                           all.size(), counts.problems, counts.without_plan, counts.nondeterministic,
                           counts.without_deterministic, static_cast<double>(counts.largest_workspace) / (1 << 20),
                           spent.count());
  if (write) write_lines(head, lines);
  const int wrong = write ? 0 : differences(table, lines), n = static_cast<int>(lines.size());
  std::cout << fmt::format("{} passed, {} failed\n", std::max(0, n - wrong), wrong);
  return wrong == 0 && !lines.empty() ? 0 : 1;
}

}  // namespace
}  // namespace engine::test

int main(int argc, char** argv) {
  try {
    return engine::test::run(engine::test::asked_to_write(argc, argv));
  } catch (const std::exception& e) {
    std::cerr << "test_cudnn_census: " << e.what() << '\n';
    return 1;
  }
}

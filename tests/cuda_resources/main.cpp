// test_cuda_resources [--write] [LIBRARY]: registers, shared memory, stack and occupancy of every kernel against
// tests/cuda_resources/resources.csv, for the architectures that the library holds. --write makes their rows anew: look
// at the difference. A row is the worst of all instances of a template.
#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "engine/tensor/error.h"
#include "tests/cuda_resources/cubin.h"
#include "tests/cuda_resources/occupancy.h"

namespace engine::test {
namespace {

constexpr const char* table_path = SOURCE_DIR "/tests/cuda_resources/resources.csv";
constexpr const char* head = "kernel,architecture,threads,registers,shared,stack,occupancy";
constexpr const char* toolkit = "# nvcc " NVCC_VERSION;
// Compilers differ by some registers from version to version; more of them, or less occupancy, is a decision.
constexpr int more_registers = 8, more_shared = 1024, less_occupancy = 15;
constexpr int usual_threads = 256;  // of a block whose kernel does not say

struct Row {
  int threads = 0, registers = 0, shared = 0, stack = 0, occupancy = 100;
};
using Key = std::pair<std::string, int>;  // kernel, architecture
using Table = std::map<Key, Row>;

Table measured(const std::string& library) {
  Table table;
  for (const KernelResources& k : read_resources(library)) {
    const int threads = k.threads > 0 ? k.threads : usual_threads;
    Row& r = table[{k.kernel, k.architecture}];
    r.threads = std::max(r.threads, threads);
    r.registers = std::max(r.registers, k.registers);
    r.shared = std::max(r.shared, k.shared);
    r.stack = std::max(r.stack, k.stack);
    r.occupancy = std::min(r.occupancy, occupancy(k.architecture, threads, k.registers, k.shared));
  }
  return table;
}

// `version`: the first line.
Table read_table(std::string& version) {
  std::ifstream in(table_path);
  std::string line;
  if (!std::getline(in, version) || !std::getline(in, line) || line != head)
    throw FileError("cannot read {}; test_cuda_resources --write makes it", table_path);
  Table table;
  while (std::getline(in, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream fields(line);
    Key key;
    Row r;
    if (!(fields >> key.first >> key.second >> r.threads >> r.registers >> r.shared >> r.stack >> r.occupancy))
      throw FileError("{}: '{}' is no row of {}", table_path, line, head);
    table[key] = r;
  }
  return table;
}

void write_table(const Table& table) {
  std::ofstream out(table_path);
  out << toolkit << '\n' << head << '\n';
  for (const auto& [key, r] : table)
    out << fmt::format("{},{},{},{},{},{},{}\n", key.first, key.second, r.threads, r.registers, r.shared, r.stack,
                       r.occupancy);
  if (!out.flush()) throw FileError("cannot write {}", table_path);
}

// What is worse than the table allows; empty: nothing.
std::string complaint(const Row& now, const Row& table) {
  std::string text;
  const auto add = [&](const char* what, int found, int expected) {
    text += fmt::format("{}{} {} instead of {}", text.empty() ? "" : ", ", what, found, expected);
  };
  if (now.registers > table.registers + more_registers) add("registers", now.registers, table.registers);
  if (now.shared > table.shared + more_shared) add("bytes of shared memory", now.shared, table.shared);
  if (now.stack > table.stack) add("bytes of stack", now.stack, table.stack);
  if (now.occupancy < table.occupancy - less_occupancy) add("percent of occupancy", now.occupancy, table.occupancy);
  return text;
}

int compare(const Table& found, const Table& table, const std::set<int>& architectures) {
  int wrong = 0;
  const auto report = [&](const Key& key, const std::string& what) {
    ++wrong;
    std::cout << fmt::format("FAILED {} on sm_{}: {}\n", key.first, key.second, what);
  };
  for (const auto& [key, now] : found) {
    const auto row = table.find(key);
    if (row == table.end()) {
      report(key, "not in the table");
    } else if (const std::string what = complaint(now, row->second); !what.empty()) {
      report(key, what);
    }
  }
  for (const auto& [key, row] : table)
    if (architectures.contains(key.second) && !found.contains(key)) report(key, "only in the table");
  if (wrong > 0)
    std::cout << "If that is meant: test_cuda_resources --write, and look at what it changes in " << table_path << '\n';
  return wrong;
}

int run(const std::string& library, bool write) {
  const Table found = measured(library);
  std::set<int> architectures;
  for (const auto& [key, row] : found) architectures.insert(key.second);
  std::string version;
  Table table;
  if (std::ifstream(table_path) || !write) table = read_table(version);
  if (write) {
    if (version != toolkit) table.clear();  // another compiler's figures
    std::erase_if(table, [&](const auto& entry) { return architectures.contains(entry.first.second); });
    for (const auto& [key, row] : found) table[key] = row;
    write_table(table);
    return 0;
  }
  if (version != toolkit) {
    std::cout << fmt::format("SKIPPED resources of kernels: the table holds for '{}', this is '{}'\n", version,
                             toolkit);
    return 0;
  }
  const int wrong = compare(found, table, architectures), n = static_cast<int>(found.size());
  std::cout << fmt::format("{} passed, {} failed\n", std::max(0, n - wrong), wrong);
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace engine::test

int main(int argc, char** argv) {
  try {
    std::string library = KERNEL_LIBRARY;
    bool write = false;
    for (int i = 1; i < argc; ++i)
      if (std::string_view(argv[i]) == "--write")
        write = true;
      else
        library = argv[i];
    return engine::test::run(library, write);
  } catch (const std::exception& e) {
    std::cerr << "test_cuda_resources: " << e.what() << '\n';
    return 1;
  }
}

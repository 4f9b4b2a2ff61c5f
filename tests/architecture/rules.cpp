#include "tests/architecture/rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

namespace engine::architecture {
namespace {

constexpr int longest_file = 600;

bool any_of(const std::string& s, const std::vector<std::string>& all) {
  return std::find(all.begin(), all.end(), s) != all.end();
}

bool is_header(const std::string& path) { return path.ends_with(".h") || path.ends_with(".cuh"); }
bool is_cpp(const std::string& path) { return is_header(path) || path.ends_with(".cpp") || path.ends_with(".cu"); }

// kernels/cpu and its siblings stand behind the interface that kernels/ itself is.
bool is_backend(const std::string& folder) { return folder.starts_with("kernels/"); }

// The folder of the house that a file belongs to: the longest that fits; a folder below kernels/ is a backend.
std::string folder_of(const std::string& path, const std::vector<std::string>& folders) {
  if (path.starts_with("tests/")) return "tests";
  static const std::regex backend("(kernels/[^/]+)/.*");
  if (std::smatch m; std::regex_match(path, m, backend)) return m[1];
  std::string longest;
  for (const std::string& f : folders)
    if (path.starts_with(f + "/") && f.size() > longest.size()) longest = f;
  return longest;
}

// Why a file of folder `from` may not include one of folder `to`; empty if it may.
std::string forbidden(const std::string& from, const std::string& to, const std::vector<std::string>& folders) {
  if (from == to || from == "tests") return {};
  if (to == "tests") return "only tests include tests";
  if (is_backend(from) && is_backend(to)) {
    const bool emulation = from == "kernels/cuda_on_cpu" || to == "kernels/cuda_on_cpu";
    if (emulation && (from == "kernels/cuda" || to == "kernels/cuda")) return {};
    return "a backend knows no other backend";
  }
  if (is_backend(to) && !any_of(from, {"bench", "tools"}))
    return "backends are reached through kernels/backend.h; only bench, tools and tests name one";
  const auto rank = [&](const std::string& folder) {
    return std::find(folders.begin(), folders.end(), is_backend(folder) ? "kernels" : folder) - folders.begin();
  };
  if (rank(from) < rank(to)) return fmt::format("{} comes before {} in CMakeLists.txt", from, to);
  return {};
}

// Libraries that one place alone may know.
struct Library {
  const char *name, *headers;  // regular expression of what stands between the brackets
  const char* home;            // regular expression of the paths that may
};
constexpr Library libraries[] = {
    {"CUDA", "(cuda|cudnn|cublas|cusolver|curand|cufft|nvrtc|nvtx|cooperative_groups|mma\\.h).*", "kernels/cuda/.*"},
    {"protobuf", "(google/protobuf/.*|.*\\.pb\\.h)", "engine/io/onnx.*"},
    {"oneDNN, BLAS or LAPACK", "(dnnl|oneapi/dnnl|cblas|lapacke?|openblas).*", "(kernels/cpu|tests)/.*"},
    {"CLI11", "CLI/.*", "tools/.*"},
    {"doctest", "doctest/.*", "tests/.*"},
};

class Checker {
 public:
  Checker(const std::vector<SourceFile>& files, const std::vector<std::string>& folders) : folders_(folders) {
    for (const SourceFile& f : files) known_.insert(f.path);
    for (const SourceFile& f : files) check(f);
  }
  std::vector<std::string> found;

 private:
  void check(const SourceFile& f) {
    static const std::regex include("\\s*#\\s*include\\s*([\"<])([^\">]+)[\">].*");
    // In two pieces, so that this file obeys its own rule.
    static const std::regex mark(
        "\\b(TO"
        "DO|FIX"
        "ME|XX"
        "X)\\b");
    std::istringstream lines(f.text);
    std::smatch m;
    line_ = 0;
    bool once = false;
    for (std::string line; std::getline(lines, line);) {
      ++line_;
      once = once || line == "#pragma once";
      if (std::regex_search(line, m, mark)) report(f, fmt::format("'{}' is left", m.str()));
      if (!is_cpp(f.path) || !std::regex_match(line, m, include)) continue;
      if (m[1] == "\"")
        check_own(f, m[2]);
      else
        check_library(f, m[2]);
    }
    if (line_ > longest_file) report(f, fmt::format("a file has at most {} lines", longest_file));
    if (is_header(f.path) && !once) report(f, "the header lacks #pragma once");
    if (is_cpp(f.path) && folder_of(f.path, folders_).empty()) report(f, "belongs to no folder of CMakeLists.txt");
  }

  void check_own(const SourceFile& f, const std::string& included) {
    if (!is_header(included) && !included.ends_with(".def")) report(f, fmt::format("includes {}, no header", included));
    if (!known_.contains(included)) {
      report(f, fmt::format("includes {}: no such file, seen from the root of the project", included));
      return;
    }
    const std::string why = forbidden(folder_of(f.path, folders_), folder_of(included, folders_), folders_);
    if (!why.empty()) report(f, fmt::format("includes {}: {}", included, why));
  }

  void check_library(const SourceFile& f, const std::string& included) {
    for (const Library& l : libraries)
      if (std::regex_match(included, std::regex(l.headers)) && !std::regex_match(f.path, std::regex(l.home)))
        report(f, fmt::format("includes <{}>: {} belongs to {} alone", included, l.name, l.home));
  }

  void report(const SourceFile& f, const std::string& what) {
    found.push_back(fmt::format("{}:{}: {}", f.path, line_, what));
  }

  const std::vector<std::string>& folders_;
  std::set<std::string> known_;
  int line_ = 0;
};

}  // namespace

std::vector<std::string> folders_in_order(const std::string& cmake_lists) {
  static const std::regex added("add_subdirectory\\(([^)]+)\\)");
  std::vector<std::string> all;
  for (std::sregex_iterator it(cmake_lists.begin(), cmake_lists.end(), added), end; it != end; ++it)
    all.push_back((*it)[1]);
  return all;
}

std::vector<std::string> breaches(const std::vector<SourceFile>& files, const std::vector<std::string>& folders) {
  return Checker(files, folders).found;
}

std::vector<std::string> unnamed_folders(const std::string& readme, const std::vector<std::string>& folders) {
  std::vector<std::string> all;
  for (const std::string& f : folders)
    if (readme.find("`" + f + "`") == std::string::npos && readme.find("`" + f + "/") == std::string::npos)
      all.push_back(f);
  return all;
}

}  // namespace engine::architecture

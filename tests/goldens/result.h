// What a run over golden files comes to.
#pragma once

#include <string>
#include <vector>

namespace engine::goldens {

struct GoldenResult {
  int passed = 0, failed = 0;
  std::vector<std::string> failures;  ///< one line each, with the figure and the bound
  std::vector<std::string> skipped;   ///< one line each, with the reason
  std::vector<std::string> flips;     ///< one line each: passed only by its neighbours, see model_goldens.cpp

  void check(bool ok, const std::string& line) {
    ok ? ++passed : ++failed;
    if (!ok) failures.push_back(line);
  }
  void add(const GoldenResult& other) {
    passed += other.passed;
    failed += other.failed;
    failures.insert(failures.end(), other.failures.begin(), other.failures.end());
    skipped.insert(skipped.end(), other.skipped.begin(), other.skipped.end());
    flips.insert(flips.end(), other.flips.begin(), other.flips.end());
  }
};

}  // namespace engine::goldens

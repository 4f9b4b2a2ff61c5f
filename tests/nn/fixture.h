// JSON files of tests/fixtures, with keys in the order of the file.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/tensor/error.h"

namespace engine::test {

inline nlohmann::ordered_json fixture(const std::string& name) {
  const std::string path = std::string(SOURCE_DIR) + "/tests/fixtures/" + name;
  std::ifstream file(path);
  if (!file) throw FileError("cannot read {}", path);
  return nlohmann::ordered_json::parse(file);
}

}  // namespace engine::test
